// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/repetition.hpp"
#include "tests/unit/sample_reports.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace chainkeeper;
using namespace chainkeeper::daemon;
using namespace chainkeeper::tests;
using namespace std::chrono_literals;

namespace {

constexpr auto start = sample_start;

Entry trouble(std::string what)
{
    return entry_of(Trouble{.at = start, .what = std::move(what)});
}

std::vector<std::string> headlines(const std::vector<Entry>& entries)
{
    std::vector<std::string> lines;
    lines.reserve(entries.size());
    for (const auto& entry : entries)
        lines.push_back(entry.lines.front().text);
    return lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("repetition: the same sentence is written once a minute, with how often it was said")
{
    Repetition repetition;
    CHECK(repetition.admits(trouble("no answer"), start));
    for (int second = 1; second < 60; ++second) {
        CHECK(repetition.due(start + std::chrono::seconds{second}).empty());
        CHECK_FALSE(repetition.admits(trouble("no answer"), start + std::chrono::seconds{second}));
    }
    const auto due = repetition.due(start + 60s);
    CHECK(headlines(due) == Lines{"no answer (repeated 59 times)"});
    CHECK(due.front().message == Message::trouble);
    CHECK(due.front().fields.back() == Field{.name = "CHAINKEEPER_REPEATED", .value = "59"});
    // The summary was a line too: the next minute has begun.
    CHECK_FALSE(repetition.admits(trouble("no answer"), start + 60s));
    CHECK(repetition.due(start + 119s).empty());
    CHECK(headlines(repetition.due(start + 120s)) == Lines{"no answer (repeated 1 time)"});
}

TEST_CASE("repetition: what is said again after a quiet minute is news")
{
    Repetition repetition;
    CHECK(repetition.admits(trouble("no answer"), start));
    CHECK(repetition.due(start + 61s).empty());
    CHECK(repetition.admits(trouble("no answer"), start + 61s));
}

TEST_CASE("repetition: sentences that differ in their numbers alone are the same, families are not")
{
    Repetition repetition;
    CHECK(repetition.admits(trouble("ipv4: 7 commits, 12 tries"), start));
    CHECK_FALSE(repetition.admits(trouble("ipv4: 8 commits, 90 tries"), start));
    CHECK(repetition.admits(trouble("ipv6: 7 commits, 12 tries"), start));
    CHECK(repetition.admits(trouble("ipv4: 7 commits, no tries"), start));
    CHECK(headlines(repetition.rest()) == Lines{"ipv4: 8 commits, 90 tries (repeated 1 time)"});
    CHECK(repetition.rest().empty());
}

TEST_CASE("repetition: the same words are different news of different kinds")
{
    Repetition repetition;
    CHECK(repetition.admits(trouble("so"), start));
    CHECK(repetition.admits(entry_of(Notice{.at = start, .what = "so"}), start));
}

TEST_CASE("repetition: a decision, a flush and what became of a repair are always written")
{
    Repetition repetition;
    for (const auto& report : sparse_reports()) {
        const auto entry = entry_of(report);
        const bool limited = entry.message == Message::trouble || entry.message == Message::notice ||
                             entry.message == Message::events_lost || entry.message == Message::kubelet;
        CHECK(repetition.admits(entry, start));
        CHECK(repetition.admits(entry, start) == !limited);
    }
}

TEST_CASE("repetition: a storm of ever new sentences is counted and not kept")
{
    Repetition repetition;
    unsigned admitted = 0;
    for (unsigned index = 0; index < 10'000; ++index)
        if (repetition.admits(trouble(fmt::format("sentence x{}", index)), start))
            ++admitted;
    CHECK(admitted == 32);
    CHECK(headlines(repetition.due(start + 60s)) == Lines{"sentence x9999 (and 9967 more of this kind)"});
}
