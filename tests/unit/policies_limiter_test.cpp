// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/limiter.hpp"

#include <doctest/doctest.h>
#include <string>
#include <vector>

namespace chainkeeper::policies {

namespace {

using namespace std::chrono_literals;

constexpr Instant start{1000s};

Policy::Limits limits(unsigned repairs, Duration per, Duration backoff, Duration backoff_max)
{
    return {.repairs = repairs, .per = per, .backoff = backoff, .backoff_max = backoff_max};
}

// Ten in ten minutes; standoffs of a minute to an hour.
Policy::Limits defaults()
{
    return {};
}

struct Spent {
    Duration at;              // after the start
    Duration standoff_until;  // after the start; 0 for none
};

// Spends at each of the times, and checks the standoff after it.
void check(Limiter limiter, const std::vector<Spent>& table)
{
    for (const auto& row : table) {
        CAPTURE(row.at.count());
        limiter.spend(start + row.at);
        const auto standoff = limiter.standoff_until(start + row.at);
        CHECK(standoff.value_or(start) - start == row.standoff_until);
    }
}

// Somebody deletes the chains again as soon as they are back, from `from` to `until`: when repairs were made, after the
// start.
std::vector<Duration> fight(Limiter& limiter, Duration from, Duration until, Duration pace)
{
    std::vector<Duration> repairs;
    for (auto at = from; at < until; at += pace) {
        if (const auto standoff = limiter.standoff_until(start + at))
            at = *standoff - start;
        if (at >= until)
            break;
        limiter.spend(start + at);
        repairs.push_back(at);
    }
    return repairs;
}

void spend_times(Limiter& limiter, unsigned times, Instant at)
{
    for (unsigned time = 0; time < times; ++time)
        limiter.spend(at);
}

}  // namespace

TEST_CASE("a limiter that was never used lets a repair through, at any time")
{
    const Limiter limiter{defaults()};
    for (const auto at : {Instant{}, start, Instant::max()})
        CHECK_FALSE(limiter.standoff_until(at));
}

TEST_CASE("as many repairs as the policy says may be made in a row, and then a standoff begins")
{
    Limiter limiter{defaults()};
    for (unsigned repair = 0; repair < 10; ++repair) {
        CHECK_FALSE(limiter.standoff_until(start));
        limiter.spend(start);
    }
    CHECK(limiter.standoff_until(start) == start + 1min);
    CHECK(limiter.standoff_until(start + 1min - 1ns) == start + 1min);
    CHECK_FALSE(limiter.standoff_until(start + 1min));
}

TEST_CASE("a standoff grants one repair at its end, and the next standoff is twice as long, up to the longest")
{
    check(Limiter{limits(2, 10min, 1min, 5min)}, {{0s, 0s},
                                                  {1s, 61s},
                                                  {61s, 61s + 2min},
                                                  {61s + 2min, 61s + 6min},
                                                  {61s + 6min, 61s + 11min},
                                                  {61s + 11min, 61s + 16min},
                                                  {61s + 16min, 61s + 21min}});
}

TEST_CASE("a limit of one is a standoff after each repair")
{
    check(Limiter{limits(1, 1min, 10s, 40s)}, {{0s, 10s}, {10s, 30s}, {30s, 70s}, {70s, 110s}});
}

TEST_CASE("a standoff may be as long from the first to the last")
{
    check(Limiter{limits(1, 1min, 10s, 10s)}, {{0s, 10s}, {10s, 20s}, {20s, 30s}});
}

TEST_CASE("a longest standoff that is no doubling of the first is reached all the same")
{
    check(Limiter{limits(1, 10min, 2s, 5s)}, {{0s, 2s}, {2s, 6s}, {6s, 11s}, {11s, 16s}});
}

TEST_CASE("the bucket fills evenly: at that pace repairs go on for good")
{
    Limiter limiter{defaults()};
    CHECK(fight(limiter, 0s, 24h, 1min).size() == 24 * 60);
    CHECK_FALSE(limiter.standoff_until(start + 24h));
}

TEST_CASE("at a pace that is a little too quick, the limit is met in the end")
{
    Limiter limiter{defaults()};
    const auto repairs = fight(limiter, 0s, 24h, 59s);
    CHECK(repairs.size() < 24 * 60);
    CHECK(repairs.size() > 500);
}

TEST_CASE("what was taken comes back one by one")
{
    Limiter limiter{limits(3, 30s, 1min, 1h)};
    spend_times(limiter, 2, start);
    limiter.spend(start + 10s);
    CHECK_FALSE(limiter.standoff_until(start + 10s));  // three were taken, one had come back
    limiter.spend(start + 10s);
    CHECK(limiter.standoff_until(start + 10s) == start + 70s);

    Limiter too_early{limits(3, 30s, 1min, 1h)};
    spend_times(too_early, 2, start);
    too_early.spend(start + 10s - 1ns);
    CHECK(too_early.standoff_until(start + 10s) == start + 70s - 1ns);
}

TEST_CASE("nothing comes into the bucket during a standoff, and it fills evenly after it")
{
    Limiter at_once{limits(3, 30s, 1min, 1h)};
    spend_times(at_once, 3, start);
    at_once.spend(start + 60s);
    CHECK(at_once.standoff_until(start + 60s) == start + 60s + 2min);

    Limiter later{limits(3, 30s, 1min, 1h)};
    spend_times(later, 3, start);
    later.spend(start + 60s + 10s);  // a second token had come
    CHECK_FALSE(later.standoff_until(start + 70s));
    later.spend(start + 70s);
    CHECK(later.standoff_until(start + 70s) == start + 70s + 2min);
}

TEST_CASE("the backoff starts anew when no repair was made for the whole time, counted from the standoff's end")
{
    Limiter quiet{limits(2, 10min, 1min, 1h)};
    spend_times(quiet, 2, start);
    quiet.spend(start + 1min + 10min);
    CHECK_FALSE(quiet.standoff_until(start + 11min));
    quiet.spend(start + 11min);
    CHECK(quiet.standoff_until(start + 11min) == start + 12min);

    Limiter restless{limits(2, 10min, 1min, 1h)};
    spend_times(restless, 2, start);
    restless.spend(start + 1min + 10min - 1ns);
    restless.spend(start + 11min);
    CHECK(restless.standoff_until(start + 11min) == start + 13min);
}

TEST_CASE("the backoff starts anew when no repair was made for the whole time, counted from the last repair")
{
    Limiter limiter{limits(2, 10min, 1min, 1h)};
    spend_times(limiter, 2, start);
    limiter.spend(start + 6min + 1s);  // the bucket holds two again, and this takes one
    CHECK_FALSE(limiter.standoff_until(start + 6min + 1s));
    spend_times(limiter, 2, start + 16min + 1s);
    CHECK(limiter.standoff_until(start + 17min) == start + 17min + 1s);
}

TEST_CASE("a fight of an hour is ten repairs, and then one after each standoff")
{
    Limiter limiter{defaults()};
    const auto repairs = fight(limiter, 0s, 1h, 100ms);
    const std::vector<Duration> after_the_first_ten{60'900ms, 180'900ms, 420'900ms, 900'900ms, 1'860'900ms};
    REQUIRE(repairs.size() == 15);
    CHECK(repairs[9] == 900ms);
    CHECK(std::vector<Duration>(repairs.begin() + 10, repairs.end()) == after_the_first_ten);
}

TEST_CASE("a fight that goes on for a day is one repair an hour")
{
    Limiter limiter{defaults()};
    CHECK(fight(limiter, 0s, 24h, 100ms).size() == 38);
    const auto hourly = fight(limiter, 24h, 48h, 100ms);
    CHECK(hourly.size() == 24);
    for (std::size_t repair = 1; repair < hourly.size(); ++repair)
        CHECK(hourly[repair] - hourly[repair - 1] == 1h);
}

TEST_CASE("while the clock stands still, a limit is met once")
{
    Limiter limiter{defaults()};
    spend_times(limiter, 10'000, start);
    CHECK(limiter.standoff_until(start) == start + 1min);
    limiter.spend(start + 1min);
    CHECK(limiter.standoff_until(start + 1min) == start + 3min);
}

TEST_CASE("a repair that was made during a standoff counts for nothing")
{
    check(Limiter{limits(2, 10min, 1min, 1h)}, {{0s, 0s}, {0s, 60s}, {30s, 60s}, {59s, 60s}, {60s, 180s}});
}

TEST_CASE("a clock that goes back stands still")
{
    Limiter limiter{limits(3, 30s, 1min, 1h)};
    limiter.spend(start + 1h);
    limiter.spend(start);
    CHECK_FALSE(limiter.standoff_until(start));
    limiter.spend(start);
    CHECK(limiter.standoff_until(start) == start + 1h + 1min);
}

TEST_CASE("the largest limits and the smallest do not overflow")
{
    for (const auto& each : {limits(1000, 24h, 24h, 24h), limits(1, 100ms, 100ms, 24h), limits(1000, 100ms, 100ms, 24h),
                             limits(7, 24h, 100ms, 24h)}) {
        Limiter limiter{each};
        for (unsigned repair = 0; repair < each.repairs; ++repair) {
            CHECK_FALSE(limiter.standoff_until(start));
            limiter.spend(start);
        }
        CHECK(limiter.standoff_until(start) == start + each.backoff);
        CHECK_FALSE(fight(limiter, 1h, 24h * 1000, 1h).empty());
        CHECK(limiter.standoff_until(start + 24h * 1000).value_or(start) <= start + 24h * 1001);
    }
}

TEST_CASE("new limits are a start from the beginning, and the same limits change nothing")
{
    Limiter limiter{defaults()};
    spend_times(limiter, 10, start);
    limiter.adopt(defaults());
    CHECK(limiter.standoff_until(start) == start + 1min);

    const std::vector<Policy::Limits> others{limits(11, 10min, 1min, 1h), limits(10, 11min, 1min, 1h),
                                             limits(10, 10min, 2min, 1h), limits(10, 10min, 1min, 2h)};
    for (const auto& other : others) {
        auto changed = limiter;
        changed.adopt(other);
        CHECK_FALSE(changed.standoff_until(start));
        spend_times(changed, other.repairs - 1, start);
        CHECK_FALSE(changed.standoff_until(start));
        changed.spend(start);
        CHECK(changed.standoff_until(start) == start + other.backoff);
    }
}

}  // namespace chainkeeper::policies
