// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/change_window.hpp"

#include "policies/time_zone.hpp"

#include <algorithm>

namespace chainkeeper::policies {

namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::local_days;
using std::chrono::seconds;
using std::chrono::sys_seconds;

// The days that are looked at, around today. What began before may be open: a window may take 7 days, and a zone that
// changes sides of the date line leaves one out. Every window opens at least once in the days to come.
constexpr days days_back{9};
constexpr days days_ahead{15};

struct Opening {
    sys_seconds from;
    sys_seconds until;
};

bool opens_on(const ChangeWindow& window, local_days day)
{
    return std::ranges::find(window.weekdays, std::chrono::weekday{day}) != window.weekdays.end();
}

void add_openings(std::vector<Opening>& openings, const ChangeWindow& window, sys_seconds now)
{
    const auto zone = TimeZone::named(window.time_zone).value_or(TimeZone{});
    const auto duration = std::chrono::ceil<seconds>(std::min(window.duration, longest_change_window));
    const auto today = zone.day_at(now);
    for (auto day = today - days_back; day <= today + days_ahead; day += days{1})
        if (opens_on(window, day)) {
            const auto from = zone.first_instant_of(day + window.start);
            openings.push_back({from, from + duration});
        }
}

// In order, and with a gap between one and the next.
std::vector<Opening> openings_around(const std::vector<ChangeWindow>& windows, sys_seconds now)
{
    std::vector<Opening> openings;
    for (const auto& window : windows)
        add_openings(openings, window, now);
    std::ranges::sort(openings, {}, &Opening::from);
    std::vector<Opening> merged;
    for (const auto& opening : openings)
        if (!merged.empty() && opening.from <= merged.back().until)
            merged.back().until = std::max(merged.back().until, opening.until);
        else
            merged.push_back(opening);
    return merged;
}

// A clock that counts nanoseconds ends in the year 2262.
std::optional<WallTime> wall_time(sys_seconds instant)
{
    if (instant > floor<seconds>(WallTime::max()))
        return std::nullopt;
    return WallTime{instant};
}

}  // namespace

std::optional<WallTime> open_until(const std::vector<ChangeWindow>& windows, WallTime now)
{
    const auto second = floor<seconds>(now);
    for (const auto& opening : openings_around(windows, second))
        if (opening.from <= second && second < opening.until)
            return wall_time(opening.until).value_or(WallTime::max());
    return std::nullopt;
}

std::optional<WallTime> opens_next(const std::vector<ChangeWindow>& windows, WallTime now)
{
    const auto second = floor<seconds>(now);
    for (const auto& opening : openings_around(windows, second))
        if (opening.from > second)
            return wall_time(opening.from);
    return std::nullopt;
}

}  // namespace chainkeeper::policies
