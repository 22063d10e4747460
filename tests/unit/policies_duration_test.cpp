// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/duration.hpp"

#include <chrono>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chainkeeper::policies {

namespace {

using namespace std::chrono_literals;

}  // namespace

TEST_CASE("a duration is a whole number and a unit")
{
    const std::vector<std::pair<std::string_view, Duration>> durations{
        {"250ms", 250ms}, {"10s", 10s}, {"1m", 1min}, {"2h", 2h}, {"0s", 0s}, {"0ms", 0s}, {"007s", 7s}, {"90s", 90s}};
    for (const auto& [text, duration] : durations) {
        const auto read = duration_from_string(text);
        REQUIRE_MESSAGE(read.has_value(), read.error());
        CHECK(*read == duration);
    }
    for (const auto* text : {"", "10", "0", "s", "ms", "10 s", " 10s", "10s ", "-1s", "+1s", "1.5s", "1m30s", "10sec",
                             "10S", "10us", "1d", "0x10s", "10s\n"}) {
        CAPTURE(text);
        REQUIRE_FALSE(duration_from_string(text).has_value());
        CHECK(duration_from_string(text).error().find("is not a duration: write a whole number and a unit") !=
              std::string::npos);
    }
}

TEST_CASE("a duration that no clock can count is refused")
{
    CHECK(duration_from_string("2562047h").has_value());
    for (const auto* text :
         {"2562048h", "9223372036854775807h", "9223372036854775808ms", "99999999999999999999999999s"}) {
        CAPTURE(text);
        REQUIRE_FALSE(duration_from_string(text).has_value());
        CHECK(duration_from_string(text).error() == fmt::format("'{}' is longer than a clock can count", text));
    }
}

TEST_CASE("a duration is written in the largest unit that fits, and can be read again")
{
    const std::vector<std::pair<Duration, std::string_view>> durations{
        {0s, "0s"},   {250ms, "250ms"}, {1500ms, "1500ms"}, {10s, "10s"},    {60s, "1m"},
        {90s, "90s"}, {2h, "2h"},       {90min, "90m"},     {1500us, "1ms"}, {1h + 1ms, "3600001ms"}};
    for (const auto& [duration, text] : durations) {
        CHECK(to_string(duration) == text);
        CHECK(duration_from_string(text) == std::chrono::floor<std::chrono::milliseconds>(duration));
    }
}

}  // namespace chainkeeper::policies
