// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/kernel_number.hpp"

#include <charconv>
#include <fmt/format.h>

namespace chainkeeper::daemon::doctor {

namespace {

std::string_view trimmed(std::string_view text)
{
    constexpr std::string_view spaces = " \t\n";
    const auto begin = text.find_first_not_of(spaces);
    return begin == std::string_view::npos ? "" : text.substr(begin, text.find_last_not_of(spaces) - begin + 1);
}

}  // namespace

std::optional<std::uint64_t> number_of(std::string_view text, int base)
{
    const auto digits = trimmed(text);
    std::uint64_t number = 0;
    const auto* const end = digits.data() + digits.size();
    const auto [rest, error] = std::from_chars(digits.data(), end, number, base);
    return error == std::errc{} && rest == end ? std::optional{number} : std::nullopt;
}

Found<std::uint64_t> kernel_number(const Root& root, const std::string& path)
{
    const auto text = root.text(path);
    if (!text)
        return tl::unexpected(text.error());
    if (!*text)
        return std::nullopt;
    const auto number = number_of(**text);
    if (!number)
        return tl::unexpected(fmt::format("{}: holds no number", path));
    return *number;
}

}  // namespace chainkeeper::daemon::doctor
