// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/utc_time.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace chainkeeper::daemon {

namespace {

using policies::WallTime;

// The digits at the front, all `count` of them; -1 where one of them is none.
int take_digits(std::string_view& text, std::size_t count)
{
    if (text.size() < count)
        return -1;
    int number = 0;
    for (const char character : text.substr(0, count)) {
        if (character < '0' || character > '9')
            return -1;
        number = number * 10 + (character - '0');
    }
    text.remove_prefix(count);
    return number;
}

bool take(std::string_view& text, char character)
{
    if (!text.starts_with(character))
        return false;
    text.remove_prefix(1);
    return true;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text)
{
    const int year = take_digits(text, 4);
    if (!take(text, '-'))
        return std::nullopt;
    const int month = take_digits(text, 2);
    if (!take(text, '-'))
        return std::nullopt;
    const int day = take_digits(text, 2);
    // What a clock of nanoseconds can count ends in 2262.
    if (year < 1970 || year > 2199 || month < 0 || day < 0)
        return std::nullopt;
    const auto date = std::chrono::year{year} / month / day;
    return date.ok() ? std::optional{std::chrono::sys_days{date}} : std::nullopt;
}

std::optional<std::chrono::seconds> take_time(std::string_view& text)
{
    const int hours = take_digits(text, 2);
    if (!take(text, ':'))
        return std::nullopt;
    const int minutes = take_digits(text, 2);
    if (!take(text, ':'))
        return std::nullopt;
    const int seconds = take_digits(text, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 59)
        return std::nullopt;
    return std::chrono::hours{hours} + std::chrono::minutes{minutes} + std::chrono::seconds{seconds};
}

std::optional<std::chrono::microseconds> take_fraction(std::string_view& text)
{
    constexpr std::array scale{1000000, 100000, 10000, 1000, 100, 10, 1};
    if (!take(text, '.'))
        return std::chrono::microseconds::zero();
    const auto count = std::min(text.find_first_not_of("0123456789"), text.size());
    if (count == 0 || count >= scale.size())
        return std::nullopt;
    return std::chrono::microseconds{take_digits(text, count) * scale.at(count)};
}

}  // namespace

std::string utc_text(WallTime time)
{
    const auto rounded = std::chrono::floor<std::chrono::microseconds>(time);
    const auto midnight = std::chrono::floor<std::chrono::days>(rounded);
    const std::chrono::year_month_day date{midnight};
    const std::chrono::hh_mm_ss clock{rounded - midnight};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

std::optional<WallTime> wall_time_from_utc(std::string_view text)
{
    const auto date = take_date(text);
    if (!date || !take(text, 'T'))
        return std::nullopt;
    const auto time = take_time(text);
    const auto fraction = take_fraction(text);
    if (!time || !fraction || text != "Z")
        return std::nullopt;
    return WallTime{*date} + *time + *fraction;
}

}  // namespace chainkeeper::daemon
