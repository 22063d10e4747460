// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/change_window.hpp"

#include <array>
#include <chrono>
#include <doctest/doctest.h>
#include <string>
#include <vector>

namespace chainkeeper::policies {

namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using std::chrono::Friday;
using std::chrono::minutes;
using std::chrono::Monday;
using std::chrono::Saturday;
using std::chrono::Sunday;
using std::chrono::sys_days;
using std::chrono::weekday;
using std::chrono::year;

using Windows = std::vector<ChangeWindow>;

const std::vector<weekday> every_day{
    Monday, std::chrono::Tuesday, std::chrono::Wednesday, std::chrono::Thursday, Friday, Saturday, Sunday};

ChangeWindow window(std::vector<weekday> weekdays, minutes opens, Duration duration, std::string zone = "UTC")
{
    return {.weekdays = std::move(weekdays), .start = opens, .duration = duration, .time_zone = std::move(zone)};
}

// UTC.
WallTime at(int y, unsigned month, unsigned day, Duration time = 0s)
{
    return sys_days{year{y} / static_cast<int>(month) / static_cast<int>(day)} + time;
}

// 2026-03-02 is a Monday.
WallTime monday(Duration time)
{
    return at(2026, 3, 2, time);
}

bool is_open(const Windows& windows, WallTime now)
{
    return open_until(windows, now).has_value();
}

// A window is open from `from` up to `until`, and not a nanosecond longer.
void check_open(const Windows& windows, WallTime from, WallTime until)
{
    CHECK_FALSE(is_open(windows, from - 1ns));
    CHECK(opens_next(windows, from - 1ns) == from);
    CHECK(open_until(windows, from) == until);
    CHECK(open_until(windows, until - 1ns) == until);
    CHECK_FALSE(is_open(windows, until));
}

}  // namespace

TEST_CASE("without windows none is open and none opens")
{
    CHECK_FALSE(open_until({}, monday(0s)));
    CHECK_FALSE(opens_next({}, monday(0s)));
}

TEST_CASE("a window is open from its start until its duration has passed, on its weekdays")
{
    const Windows windows{window({Monday, Friday}, 9h + 30min, 90min)};
    check_open(windows, monday(9h + 30min), monday(11h));
    check_open(windows, at(2026, 3, 6, 9h + 30min), at(2026, 3, 6, 11h));
    CHECK_FALSE(is_open(windows, at(2026, 3, 3, 10h)));
    CHECK(opens_next(windows, monday(9h)) == monday(9h + 30min));
    CHECK(opens_next(windows, monday(9h + 30min)) == at(2026, 3, 6, 9h + 30min));
    CHECK(opens_next(windows, at(2026, 3, 7)) == at(2026, 3, 9, 9h + 30min));
}

TEST_CASE("a window that takes a fraction of a second stays open until the second is over")
{
    CHECK(open_until({window({Monday}, 0h, 1min + 1ms)}, monday(30s)) == monday(61s));
}

TEST_CASE("a window goes on over midnight, and over the end of month and year")
{
    check_open({window({Monday}, 22h, 4h)}, monday(22h), at(2026, 3, 3, 2h));
    check_open({window({Sunday}, 23h + 59min, 2min)}, at(2026, 3, 1, 23h + 59min), monday(1min));
    check_open({window({std::chrono::Thursday}, 20h, 8h)}, at(2026, 12, 31, 20h), at(2027, 1, 1, 4h));
    check_open({window({Saturday}, 23h, 2h)}, at(2026, 2, 28, 23h), at(2026, 3, 1, 1h));
    check_open({window({std::chrono::Thursday}, 23h, 2h)}, at(2024, 2, 29, 23h), at(2024, 3, 1, 1h));
}

TEST_CASE("a window may take up to seven days")
{
    check_open({window({Monday}, 12h, 7 * 24h - 1min)}, monday(12h), at(2026, 3, 9, 12h - 1min));
}

TEST_CASE("windows that overlap or touch are one, and the latest end counts")
{
    check_open({window({Monday}, 10h, 2h), window({Monday}, 11h, 2h)}, monday(10h), monday(13h));
    check_open({window({Monday}, 10h, 2h), window({Monday}, 12h, 2h)}, monday(10h), monday(14h));
    check_open({window({Monday}, 10h, 8h), window({Monday}, 11h, 1h)}, monday(10h), monday(18h));
    check_open({window({Monday}, 11h, 1h), window({Monday}, 10h, 8h)}, monday(10h), monday(18h));
    check_open({window({Monday}, 10h, 2h), window({Monday}, 12h + 1min, 2h)}, monday(10h), monday(12h));
    check_open({window({Saturday, Sunday}, 0h, 24h), window({Friday}, 22h, 2h)}, at(2026, 3, 6, 22h), at(2026, 3, 9));
}

TEST_CASE("what opens next opens after what is open now")
{
    const Windows windows{window({Monday}, 10h, 2h), window({Monday}, 11h, 2h), window({Friday}, 1h, 1h)};
    CHECK(opens_next(windows, monday(10h + 30min)) == at(2026, 3, 6, 1h));
}

TEST_CASE("windows that leave no gap are open for as long as is looked ahead, and never open again")
{
    for (const auto& always : {Windows{window(every_day, 6h, 24h)}, Windows{window({Monday}, 0h, 7 * 24h)},
                               Windows{window(every_day, 0h, 7 * 24h)}}) {
        const auto until = open_until(always, monday(1h));
        REQUIRE(until);
        CHECK(*until > monday(7 * 24h));
        CHECK(*until <= monday(30 * 24h));
        CHECK(is_open(always, *until));
        CHECK_FALSE(opens_next(always, monday(1h)));
    }
}

TEST_CASE("the clock on the wall is the one of the window's zone")
{
    check_open({window({Monday}, 9h, 1h, "Europe/Berlin")}, monday(8h), monday(9h));
    check_open({window({Monday}, 9h, 1h, "America/New_York")}, monday(14h), monday(15h));
    check_open({window({Monday}, 9h, 1h, "Asia/Kolkata")}, monday(3h + 30min), monday(4h + 30min));
    check_open({window({Monday}, 9h, 1h, "Pacific/Kiritimati")}, at(2026, 3, 1, 19h), at(2026, 3, 1, 20h));
    check_open({window({Sunday}, 23h, 1h, "Pacific/Pago_Pago")}, monday(10h), monday(11h));
    check_open({window({Monday}, 9h, 1h, "Etc/UTC")}, monday(9h), monday(10h));
}

TEST_CASE("windows of different zones are merged by what they are in UTC")
{
    check_open({window({Monday}, 9h, 1h, "Europe/Berlin"), window({Monday}, 9h, 1h, "Europe/London")}, monday(8h),
               monday(10h));
}

// Berlin's clocks go from 02:00 to 03:00 on 2026-03-29, and from 03:00 to 02:00 on 2026-10-25, both at 01:00 UTC.
TEST_CASE("a window that is open when the clock is put forward takes as long as it says")
{
    check_open({window({Sunday}, 1h, 4h, "Europe/Berlin")}, at(2026, 3, 29), at(2026, 3, 29, 4h));
    check_open({window({Saturday}, 22h, 6h, "Europe/Berlin")}, at(2026, 3, 28, 21h), at(2026, 3, 29, 3h));
}

TEST_CASE("a start that the clock is put forward over is the first instant after the gap")
{
    const Windows windows{window({Sunday}, 2h + 30min, 1h, "Europe/Berlin")};
    check_open(windows, at(2026, 3, 29, 1h), at(2026, 3, 29, 2h));
    check_open(windows, at(2026, 3, 22, 1h + 30min), at(2026, 3, 22, 2h + 30min));
    check_open(windows, at(2026, 4, 5, 30min), at(2026, 4, 5, 1h + 30min));
    check_open({window({Sunday}, 2h, 1h, "Europe/Berlin")}, at(2026, 3, 29, 1h), at(2026, 3, 29, 2h));
    check_open({window({Sunday}, 3h, 1h, "Europe/Berlin")}, at(2026, 3, 29, 1h), at(2026, 3, 29, 2h));
}

TEST_CASE("a window that is open when the clock is put back takes as long as it says")
{
    check_open({window({Sunday}, 1h, 4h, "Europe/Berlin")}, at(2026, 10, 24, 23h), at(2026, 10, 25, 3h));
}

TEST_CASE("a start that the clock shows twice is the first of the two, and the window opens once")
{
    const Windows windows{window({Sunday}, 2h + 30min, 30min, "Europe/Berlin")};
    check_open(windows, at(2026, 10, 25, 30min), at(2026, 10, 25, 1h));
    CHECK_FALSE(is_open(windows, at(2026, 10, 25, 1h + 45min)));
    CHECK(opens_next(windows, at(2026, 10, 25, 1h)) == at(2026, 11, 1, 1h + 30min));
}

TEST_CASE("a day that a zone left out opens its window when the next one begins")
{
    // Samoa went from Thursday, 2011-12-29, to Saturday.
    const Windows windows{window({Friday}, 12h, 1h, "Pacific/Apia")};
    check_open(windows, at(2011, 12, 30, 10h), at(2011, 12, 30, 11h));
    check_open(windows, at(2011, 12, 23, 22h), at(2011, 12, 23, 23h));
    check_open(windows, at(2012, 1, 5, 22h), at(2012, 1, 5, 23h));
}

TEST_CASE("a zone that nobody knows is taken for UTC")
{
    check_open({window({Monday}, 9h, 1h, "Europe/Atlantis")}, monday(9h), monday(10h));
}

TEST_CASE("a window without a weekday never opens")
{
    CHECK_FALSE(is_open({window({}, 0h, 24h)}, monday(1h)));
    CHECK_FALSE(opens_next({window({}, 0h, 24h)}, monday(1h)));
}

TEST_CASE("a window that is longer than it may be is as long as it may be")
{
    const Windows endless{window({Monday}, 0h, Duration::max())};
    CHECK(open_until(endless, monday(1h)) == open_until({window({Monday}, 0h, 7 * 24h)}, monday(1h)));
}

TEST_CASE("a clock that is far off is answered too, and at once")
{
    const Windows windows{window(every_day, 22h, 4h, "Europe/Berlin"), window({Monday}, 0h, 1h)};
    for (const auto now : {at(1700, 1, 4, 12h), at(1969, 12, 31, 12h), at(1970, 1, 1, 12h), at(2099, 6, 1, 12h),
                           at(2200, 6, 1, 12h), at(2262, 4, 1, 12h)}) {
        CHECK_FALSE(is_open(windows, now));
        const auto next = opens_next(windows, now);
        REQUIRE(next);
        CHECK(*next > now);
        CHECK(*next < now + 24h);
        CHECK(is_open(windows, *next));
    }
}

TEST_CASE("at the ends of what a clock can count, nothing overflows")
{
    const Windows always{window(every_day, 0h, 24h)};
    CHECK(open_until(always, WallTime::max()) == WallTime::max());
    CHECK(is_open(always, WallTime::min()));
    CHECK_FALSE(opens_next(always, WallTime::max()));
    const Windows sometimes{window(every_day, 12h, 1h)};
    CHECK_FALSE(opens_next(sometimes, WallTime::max()));
    CHECK(opens_next(sometimes, WallTime::min()));
}

TEST_CASE("many windows are gone through in no time")
{
    Windows windows;
    windows.reserve(64);
    for (int minute = 0; minute < 64; ++minute)
        windows.push_back(window(every_day, minutes{minute * 2}, 1min, "America/St_Johns"));
    const auto began = std::chrono::steady_clock::now();
    for (int day = 0; day < 100; ++day)
        CHECK_FALSE(is_open(windows, monday(day * 24h)));
    CHECK(std::chrono::steady_clock::now() - began < 5s);
}

}  // namespace chainkeeper::policies
