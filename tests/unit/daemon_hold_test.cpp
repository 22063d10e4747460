// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/hold.hpp"
#include "daemon/utc_time.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace chainkeeper;
using namespace chainkeeper::daemon;
using namespace std::chrono_literals;

namespace {

constexpr policies::WallTime morning{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21} + 8h};

Hold two_hours()
{
    return {.set_at = morning + 123456us,
            .until = morning + 2h,
            .reason = R"(CHG-1234 "märz")",
            .stop = true,
            .uid = 1000,
            .login = "alice"};
}

// The JSON of a hold with one part of it replaced, which has to be there.
std::string with(std::string_view part, std::string_view replacement)
{
    auto text = to_json(two_hours());
    const auto at = text.find(part);
    REQUIRE(at != std::string::npos);
    return text.replace(at, part.size(), replacement);
}

}  // namespace

TEST_CASE("UTC: a time is written to the microsecond, and read again")
{
    CHECK(utc_text(morning) == "2026-11-21T08:00:00.000000Z");
    CHECK(utc_text(morning + 1s + 123456789ns) == "2026-11-21T08:00:01.123456Z");
    CHECK(utc_text(policies::WallTime{} - 1ns) == "1969-12-31T23:59:59.999999Z");
    for (const auto time : {morning, morning + 7us, policies::WallTime{}, morning + 24h * 365})
        CHECK(wall_time_from_utc(utc_text(time)) == time);
    CHECK(wall_time_from_utc("2026-11-21T08:00:00Z") == morning);
    CHECK(wall_time_from_utc("2026-11-21T08:00:00.5Z") == morning + 500ms);
    CHECK(wall_time_from_utc("2024-02-29T08:00:00Z"));
}

TEST_CASE("UTC: what is no time in UTC is not read as one")
{
    for (const auto* const text : {"",
                                   "Z",
                                   "2026",
                                   "2026-11-21",
                                   "2026-11-21T08:00:00",
                                   "2026-11-21T08:00:00+00:00",
                                   "2026-11-21t08:00:00z",
                                   "2026-11-21 08:00:00Z",
                                   "2026-02-29T08:00:00Z",
                                   "2026-13-01T08:00:00Z",
                                   "2026-00-01T08:00:00Z",
                                   "2026-11-21T24:00:00Z",
                                   "2026-11-21T08:60:00Z",
                                   "2026-11-21T08:00:60Z",
                                   "2026-11-21T08:00:00.Z",
                                   "2026-11-21T08:00:00.1234567Z",
                                   "2026-11-21T08:00:00.12x456Z",
                                   "2026-11-21T08:00:00ZZ",
                                   "1969-12-31T00:00:00Z",
                                   "2200-01-01T00:00:00Z",
                                   "+026-11-21T08:00:00Z",
                                   "2026-11-21T-8:00:00Z",
                                   "20261-1-21T08:00:00Z"}) {
        CAPTURE(text);
        CHECK_FALSE(wall_time_from_utc(text));
    }
}

TEST_CASE("hold: what is kept is what was set")
{
    CHECK(hold_from_json(to_json(two_hours())) == two_hours());
    CHECK(to_json(two_hours()).find(R"("until":"2026-11-21T10:00:00.000000Z")") != std::string::npos);
    CHECK(hold_from_json(to_json(two_hours()) + "\n") == two_hours());
    auto longest = two_hours();
    longest.until = longest.set_at + longest_hold;
    CHECK(hold_from_json(to_json(longest)) == longest);
}

TEST_CASE("hold: a file that was torn, or that somebody else wrote, is no hold")
{
    const auto text = to_json(two_hours());
    for (std::size_t length = 0; length < text.size(); ++length)
        CHECK_FALSE(hold_from_json(text.substr(0, length)));
    for (const auto* const garbage : {"null", "[]", "{}", "7", "\"hold\"", "\xff\xfe", "{\"until\": 7}", "[[[[[["})
        CHECK_FALSE(hold_from_json(garbage));
    CHECK_FALSE(hold_from_json(std::string(100000, '[')));
    CHECK_FALSE(hold_from_json(std::string(100000, ' ') + text));
    CHECK_FALSE(hold_from_json(text + text));
}

TEST_CASE("hold: every member has to be there, of its type, and no other")
{
    CHECK(hold_from_json(with("true", "false")));
    CHECK_FALSE(hold_from_json(with("\"stop\"", "\"halt\"")));
    CHECK_FALSE(hold_from_json(with("true", "1")));
    CHECK_FALSE(hold_from_json(with("1000", "-1")));
    CHECK_FALSE(hold_from_json(with("1000", "4294967295")));
    CHECK_FALSE(hold_from_json(with("1000", "18446744073709551616")));
    CHECK_FALSE(hold_from_json(with("1000", "1.5")));
    CHECK_FALSE(hold_from_json(with("{", R"({"more": 1,)")));
    CHECK_FALSE(hold_from_json(with("T10:00:00.000000Z", "T25:00:00.000000Z")));
    CHECK_FALSE(hold_from_json(with("\"alice\"", "\"\"")));
    CHECK_FALSE(hold_from_json(with("\"alice\"", R"("al\u001bice")")));
    CHECK_FALSE(hold_from_json(with("\"alice\"", "7")));
}

TEST_CASE("hold: it ends after it begins, and within a month")
{
    auto hold = two_hours();
    hold.until = hold.set_at;
    CHECK_FALSE(hold_from_json(to_json(hold)));
    hold.until = hold.set_at - 1h;
    CHECK_FALSE(hold_from_json(to_json(hold)));
    hold.until = hold.set_at + longest_hold + 1us;
    CHECK_FALSE(hold_from_json(to_json(hold)));
}

TEST_CASE("hold: a reason is a line of text that fits one")
{
    CHECK(is_hold_text("CHG-1234"));
    CHECK(is_hold_text("Wartung während der Nacht"));
    CHECK(is_hold_text(std::string(256, 'x')));
    for (const auto& text : {std::string{}, std::string(257, 'x'), std::string{"a\nb"}, std::string{"\x1b[31m"},
                             std::string{"\xc3"}, std::string{"a\0b", 3}, std::string{"\xed\xa0\x80"}})
        CHECK_FALSE(is_hold_text(text));
}
