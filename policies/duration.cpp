// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/duration.hpp"

#include "policies/words.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <fmt/format.h>
#include <iterator>
#include <optional>

namespace chainkeeper::policies {

namespace {

using namespace std::chrono_literals;

struct Unit {
    std::string_view name;
    Duration length;
};

constexpr std::array units{Unit{"h", 1h}, Unit{"m", 1min}, Unit{"s", 1s}, Unit{"ms", 1ms}};

bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

tl::unexpected<std::string> not_a_duration(std::string_view text)
{
    return tl::unexpected(
        fmt::format(R"({} is not a duration: write a whole number and a unit, ms, s, m or h, such as "250ms" or "10s")",
                    quote(text)));
}

std::optional<Duration> times(std::string_view digits, Duration unit)
{
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
    if (error != std::errc{} || count > Duration::max() / unit)
        return std::nullopt;
    return count * unit;
}

}  // namespace

tl::expected<Duration, std::string> duration_from_string(std::string_view text)
{
    const auto count_length = std::distance(text.begin(), std::ranges::find_if_not(text, is_digit));
    const auto count = text.substr(0, static_cast<std::size_t>(count_length));
    const auto* const unit = std::ranges::find(units, text.substr(count.size()), &Unit::name);
    if (count.empty() || unit == units.end())
        return not_a_duration(text);
    const auto duration = times(count, unit->length);
    if (!duration)
        return tl::unexpected(fmt::format("{} is longer than a clock can count", quote(text)));
    return *duration;
}

std::string to_string(Duration duration)
{
    if (duration == Duration::zero())
        return "0s";
    const auto* const unit =
        std::ranges::find_if(units, [&](const Unit& each) { return duration % each.length == Duration::zero(); });
    const auto& finest = unit == units.end() ? units.back() : *unit;
    return fmt::format("{}{}", duration / finest.length, finest.name);
}

}  // namespace chainkeeper::policies
