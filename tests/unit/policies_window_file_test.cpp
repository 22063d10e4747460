// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/change_window_keys.hpp"
#include "policies/policy_file.hpp"

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
using std::chrono::Monday;
using std::chrono::Sunday;

constexpr std::string_view whole = R"([[change_window]]
weekdays = ["Mon"]
start = "22:00"
duration = "4h"
time_zone = "Europe/Berlin"
)";

std::string refusal(std::string_view text)
{
    const auto policy = parse_policy(text, "p.toml");
    return policy ? "" : policy.error().what;
}

std::vector<ChangeWindow> windows_in(std::string_view text)
{
    const auto policy = parse_policy(text, "p.toml");
    REQUIRE_MESSAGE(policy.has_value(), policy.error().what);
    return policy->change_windows;
}

// The window with one of its lines in place of the one that it is.
std::string with(std::string_view key, std::string_view value)
{
    std::string text;
    for (const auto& [name, usual] : {std::pair{"weekdays", R"(["Mon"])"}, std::pair{"start", R"("22:00")"},
                                      std::pair{"duration", R"("4h")"}, std::pair{"time_zone", R"("UTC")"}})
        text += fmt::format("{} = {}\n", name, name == key ? value : usual);
    return "[[change_window]]\n" + text;
}

struct Refusal {
    std::string key;
    std::string value;
    std::string expected;
};

void check_refused(const std::vector<Refusal>& refusals)
{
    for (const auto& [key, value, expected] : refusals)
        CHECK(refusal(with(key, value)) == "p.toml:" + expected);
}

}  // namespace

TEST_CASE("a change window is read")
{
    const ChangeWindow expected{.weekdays = {Monday}, .start = 22h, .duration = 4h, .time_zone = "Europe/Berlin"};
    CHECK(windows_in(whole) == std::vector{expected});
    CHECK(windows_in(R"(change_window = [{ weekdays = ["Mon"], start = "22:00", duration = "4h" }])").at(0).time_zone ==
          "UTC");
}

TEST_CASE("windows are read in their order, beside other sections")
{
    const auto windows = windows_in(fmt::format("{}[repair]\nmode = \"off\"\n{}", with("start", R"("01:02")"),
                                                with("weekdays", R"(["Sun", "Mon"])")));
    REQUIRE(windows.size() == 2);
    CHECK(windows[0].start == 62min);
    CHECK(windows[1].weekdays == std::vector{Sunday, Monday});
}

TEST_CASE("no windows may be written, too")
{
    CHECK(windows_in("change_window = []").empty());
}

TEST_CASE("every weekday has its word")
{
    const auto days =
        windows_in(with("weekdays", R"(["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"])")).at(0).weekdays;
    REQUIRE(days.size() == 7);
    for (unsigned number = 0; number < 7; ++number)
        CHECK(days[number] == std::chrono::weekday{number});
}

TEST_CASE("weekdays are named, each once")
{
    check_refused({
        {"weekdays", R"(["Mon", "mon"])", "2:20: unknown weekday 'mon'; did you mean 'Mon'?"},
        {"weekdays", R"(["Monday"])", "2:13: unknown weekday 'Monday'; known: Sun, Mon, Tue, Wed, Thu, Fri, Sat"},
        {"weekdays", R"(["Mon", "Tue", "Mon"])", "2:27: 'Mon' stands here twice"},
        {"weekdays", "[]", "2:12: 'weekdays' is empty: name at least one weekday"},
        {"weekdays", R"("Mon")", R"(2:12: 'weekdays' must be an array such as ["Sat", "Sun"], not a string)"},
        {"weekdays", "[1]", "2:13: a weekday must be a string, not an integer"},
    });
}

TEST_CASE("a start is a time of day")
{
    const std::string how = R"( is not a time of day: write it from "00:00" to "23:59", such as "07:30")";
    CHECK(windows_in(with("start", R"("00:00")")).at(0).start == 0min);
    CHECK(windows_in(with("start", R"("23:59")")).at(0).start == 23h + 59min);
    for (const auto* word : {"24:00", "23:60", "7:30", "07:3", "0730", "07-30", "", ":", "07:30:00", " 7:30", "07:30 ",
                             "-1:30", "07:+1", "ab:cd"})
        check_refused({{"start", fmt::format(R"("{}")", word), fmt::format("3:9: '{}'{}", word, how)}});
    check_refused({
        {"start", "22:00:00", R"(3:9: 'start' must be a string such as "22:00", not a time)"},
        {"start", "22", R"(3:9: 'start' must be a string such as "22:00", not an integer)"},
    });
}

TEST_CASE("a duration is from a minute to a week")
{
    CHECK(windows_in(with("duration", R"("1m")")).at(0).duration == 1min);
    CHECK(windows_in(with("duration", R"("168h")")).at(0).duration == 168h);
    check_refused({
        {"duration", R"("59s")", "4:12: 'duration' must be from 1m to 168h, not 59s"},
        {"duration", R"("169h")", "4:12: 'duration' must be from 1m to 168h, not 169h"},
        {"duration", "4", R"(4:12: 'duration' must be a string with a unit, such as "250ms" or "10s", not an integer)"},
    });
}

TEST_CASE("a time zone is one of the tz database")
{
    check_refused({
        {"time_zone", R"("Europe/Berlim")", "5:13: unknown time zone 'Europe/Berlim'; did you mean 'Europe/Berlin'?"},
        {"time_zone", R"("")", R"(5:13: unknown time zone '': write a name such as "Europe/Berlin" or "UTC")"},
        {"time_zone", "1", R"(5:13: 'time_zone' must be a string such as "Europe/Berlin", not an integer)"},
    });
}

TEST_CASE("what a window needs is asked for, and what it does not know is refused")
{
    for (const auto* key : {"weekdays", "start", "duration"}) {
        auto text = with("", "");
        const auto line = text.find(key);
        text.erase(line, text.find('\n', line) - line + 1);
        CHECK(refusal(text) == fmt::format("p.toml:1:1: '{}' is missing in this [[change_window]]", key));
    }
    CHECK(refusal(with("", "") + "[[change_window]]\n") ==
          "p.toml:6:1: 'weekdays' is missing in this [[change_window]]");
    CHECK(refusal("[[change_window]]\nweekday = [\"Mon\"]\n") ==
          "p.toml:2:1: unknown key 'weekday' in [[change_window]]; did you mean 'weekdays'?");
}

TEST_CASE("what is not written as a window is refused with how it is")
{
    const std::string how = "there can be several change windows: write [[change_window]]";
    CHECK(refusal("[change_window]\nstart = \"22:00\"\n") == "p.toml:1:2: " + how);
    CHECK(refusal("change_window = 1\n") == "p.toml:1:1: " + how);
    CHECK(refusal("change_window = [1]\n") == "p.toml:1:18: 'change_window' holds tables, not an integer");
    CHECK(refusal("[[change_windows]]\n") ==
          "p.toml:1:3: unknown section 'change_windows'; did you mean 'change_window'?");
    CHECK(refusal("[repair]\nstart = \"22:00\"\n") ==
          "p.toml:2:1: 'start' belongs in [[change_window]], not in [repair]");
    CHECK(refusal("weekdays = [\"Mon\"]\n") ==
          "p.toml:1:1: 'weekdays' belongs in a section: write it under [[change_window]]");
}

TEST_CASE("there can be many windows, but not any number")
{
    std::string text;
    for (int number = 0; number < 64; ++number)
        text += with("", "");
    CHECK(windows_in(text).size() == 64);
    CHECK(refusal(text + with("", "")) == "p.toml:1:3: there are 65 change windows here; 64 are the most");
}

TEST_CASE("the text of every key of a window is read as the same value")
{
    const ChangeWindow window{
        .weekdays = {Sunday, Monday}, .start = 7h + 5min, .duration = 90min, .time_zone = "Asia/Kolkata"};
    std::string text = "[[change_window]]\n";
    for (const auto& key : change_window_keys())
        text += fmt::format("{} = {}\n", key.name, key.text(window));
    CHECK(windows_in(text) == std::vector{window});
}

}  // namespace chainkeeper::policies
