// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/report_text.hpp"
#include "daemon/short_text.hpp"
#include "tests/unit/sample_reports.hpp"

#include <doctest/doctest.h>

using namespace chainkeeper;
using namespace chainkeeper::daemon;
using namespace std::chrono_literals;

namespace {

constexpr Instant start{1h};

std::string only_line(const Report& report)
{
    const auto lines = lines_of(report);
    REQUIRE(lines.size() == 1);
    return lines[0].text;
}

Burst burst_by(std::string comm)
{
    Burst burst{.first = start, .last = start, .worst = std::nullopt, .losses = {}, .gaps = {}};
    burst.add({.id = 7,
               .culprit = {.pid = 1, .comm = "iptables"},
               .at = start,
               .losses = {.rules = 1},
               .touched_guarded = true});
    burst.add({.id = 8,
               .culprit = {.pid = 2, .comm = std::move(comm)},
               .at = start + 221ms,
               .losses = {.tables = 1, .chains = 3},
               .touched_guarded = true});
    return burst;
}

}  // namespace

TEST_CASE("report text: a flush names who did most, how much, and how long it took")
{
    CHECK(only_line(Settled{.at = start, .burst = burst_by("nft")}) ==
          "flush by nft (pid 2): 1 table, 3 chains, 1 rule lost in 2 transaction(s) within 221 ms");
}

TEST_CASE("report text: a flush names the unit and the command line of who did it")
{
    const auto burst = tests::sample_burst(tests::sample_culprit());
    CHECK(only_line(Settled{.at = start, .burst = burst}) ==
          "flush by iptables.service (iptables, pid 13417: `iptables -F`): 0 tables, 5 chains, 3 rules lost in "
          "3 transaction(s) within 38 ms");
}

TEST_CASE("report text: a culprit that was not read from its own process says what the name rests on")
{
    auto culprit = tests::sample_culprit();
    culprit.command_line.clear();
    culprit.confidence = Confidence::job;
    CHECK(culprit_text(culprit) == "iptables.service (iptables, pid 13417; the unit had a job at that time)");
    culprit.confidence = Confidence::burst;
    CHECK(culprit_text(culprit) ==
          "iptables.service (iptables, pid 13417; the unit wrote another transaction of the same burst)");
    culprit.comm.clear();
    culprit.confidence = Confidence::job;
    CHECK(culprit_text(culprit) == "iptables.service (the unit had a job at that time)");
}

TEST_CASE("report text: a culprit outside of all units is named by program and command line")
{
    auto culprit = tests::sample_culprit();
    culprit.unit.clear();
    CHECK(culprit_text(culprit) == "iptables (pid 13417: `iptables -F`)");
    culprit.command_line.clear();
    CHECK(culprit_text(culprit) == "iptables (pid 13417)");
    CHECK(culprit_text({}) == "somebody");
}

TEST_CASE("report text: no line is endless, whatever a program is called")
{
    auto culprit = tests::sample_culprit();
    culprit.unit = std::string(100'000, 'u');
    culprit.command_line = std::string(100'000, 'c');
    culprit.comm = std::string(100'000, 'p');
    CHECK(only_line(Settled{.at = start, .burst = tests::sample_burst(culprit)}).size() <= 1024);
    CHECK(only_line(Trouble{.at = start, .what = std::string(100'000, 'x')}).size() == 1024);
}

TEST_CASE("report text: a standoff names the other party")
{
    auto decided = tests::sample_decision(policies::Row::standoff, policies::Action::refuse);
    decided.standoff_against = "firewalld.service";
    decided.standoff_until = tests::sample_wall + 1500us;
    const auto lines = lines_of(decided);
    CHECK(lines.front().text ==
          "ipv4: refuse: standoff (against firewalld.service until 2026-11-21T08:00:00.001500Z; 1 finding(s) stay)");
    CHECK(lines.front().severity == Severity::error);
    decided.standoff_against.clear();
    decided.standoff_until.reset();
    CHECK(lines_of(decided).front().text == "ipv4: refuse: standoff (against somebody; 1 finding(s) stay)");
}

TEST_CASE("report text: a hold and a change window say until when")
{
    Hold hold{.set_at = tests::sample_wall, .until = tests::sample_wall + 2h, .reason = "CHG-1234", .login = "alice"};
    CHECK(only_line(HoldSet{.at = start, .hold = hold}) == "held by alice until 2026-11-21T10:00:00.000000Z: CHG-1234");
    hold.stop = true;
    CHECK(only_line(HoldSet{.at = start, .hold = hold}) ==
          "stopped by alice until 2026-11-21T10:00:00.000000Z: CHG-1234");
    CHECK(only_line(WindowOpened{.at = start, .until = tests::sample_wall}) ==
          "a change window is open until 2026-11-21T08:00:00.000000Z: nothing is written");
}

TEST_CASE("short text: is cut between two characters, and says so")
{
    CHECK(short_text("iptables", 8) == "iptables");
    CHECK(short_text("iptables -F", 8) == "iptab…");
    CHECK(short_text("äöüäöü", 8) == "äö…");
    CHECK(short_text("äöüäöü", 9) == "äöü…");
    CHECK(short_text("ab\ncd", 64) == "ab?cd");
    CHECK(short_text("long", 2).empty());
    CHECK(short_text(std::string(100, '\x80'), 20) == std::string(14, '?') + "…");
}

TEST_CASE("report text: thousands of findings are a few lines and a number")
{
    Decided decided{.at = start,
                    .diagnosis = {.family = repair::Family::ipv4, .findings = {}},
                    .decision = {.row = policies::Row::damaged, .action = policies::Action::report},
                    .plan = {.family = repair::Family::ipv4, .steps = {}}};
    decided.diagnosis.findings.assign(3000, {.kind = repair::FindingKind::foreign_rule,
                                             .table = repair::Table::filter,
                                             .chain = "KUBE-FIREWALL",
                                             .expressions = "ct"});
    const auto lines = lines_of(decided);
    REQUIRE(lines.size() == 27);
    CHECK(lines.back().text == "ipv4: and 2975 more");
}

TEST_CASE("report text: every gap in what was heard is said")
{
    auto burst = burst_by("nft");
    burst.add_gap("events were lost (ENOBUFS)");
    const auto lines = lines_of(Settled{.at = start, .burst = burst});
    REQUIRE(lines.size() == 2);
    CHECK(lines[1].text == "events were lost (ENOBUFS): the ruleset was read again");
}

TEST_CASE("report text: a program with a wicked name cannot write to the terminal")
{
    const auto line = only_line(Settled{.at = start, .burst = burst_by("\x1b[31mevil\n")});
    CHECK(line.find("?[31mevil?") != std::string::npos);
    CHECK(line.find('\x1b') == std::string::npos);
}

TEST_CASE("report text: an ambiguous backend says how to settle it")
{
    Decided decided{.at = start,
                    .diagnosis = {.family = repair::Family::ipv4, .findings = {}},
                    .decision = {.row = policies::Row::backend_ambiguous, .action = policies::Action::refuse},
                    .plan = {.family = repair::Family::ipv4, .steps = {}},
                    .backend = "iptables -V says legacy"};
    CHECK(only_line(decided) ==
          "ipv4: refuse: backend_ambiguous (iptables -V says legacy; [guard] backend in the policy settles it)");
}

TEST_CASE("report text: a dry run shows each step that it would take")
{
    Decided decided{.at = start,
                    .diagnosis = {.family = repair::Family::ipv4, .findings = {}},
                    .decision = {.row = policies::Row::no_monitor, .action = policies::Action::would_repair},
                    .plan = {.family = repair::Family::ipv4,
                             .steps = {repair::CreateChain{repair::Table::mangle, "KUBE-IPTABLES-HINT"}}}};
    const auto lines = lines_of(decided);
    REQUIRE(lines.size() == 2);
    CHECK(lines[1].text == "ipv4: would create chain mangle KUBE-IPTABLES-HINT");
}

TEST_CASE("report text: a commit says how often it had to be tried, and why it failed")
{
    const repair::Plan plan{.family = repair::Family::ipv6, .steps = {repair::CreateTable{repair::Table::nat}}};
    CHECK(only_line(Committed{.at = start,
                              .plan = plan,
                              .outcome = {.kind = repair::Outcome::Kind::committed, .generation = 9, .detail = {}},
                              .stale_commits = 2}) ==
          "ipv6: 1 step(s) as generation 9, after the ruleset had moved on 2 time(s)");
    const Committed denied{
        .at = start, .plan = plan, .outcome = {.kind = repair::Outcome::Kind::denied, .detail = "an LSM said no"}};
    CHECK(only_line(denied) == "ipv6: denied: an LSM said no");
    CHECK(lines_of(denied)[0].severity == Severity::error);
}

TEST_CASE("report text: a repair that did not last is an error that names what is missing")
{
    const Verified verified{
        .at = start,
        .fulfilled = false,
        .after = {.family = repair::Family::ipv4,
                  .findings = {{.kind = repair::FindingKind::table_missing, .table = repair::Table::nat}}}};
    const auto lines = lines_of(verified);
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].severity == Severity::error);
    CHECK(lines[1].text == "ipv4: table nat is missing");
}

TEST_CASE("burst: a storm is counted and not kept")
{
    Burst burst{.first = start, .last = start, .worst = std::nullopt, .losses = {}, .gaps = {}};
    for (unsigned id = 1; id <= 1000; ++id) {
        burst.add({.id = id,
                   .culprit = {.pid = id, .comm = "x"},
                   .at = start + std::chrono::milliseconds{id},
                   .losses = {.rules = 1},
                   .touched_guarded = true});
        burst.add_gap("gap");
    }
    CHECK(burst.generation_count == 1000);
    CHECK(burst.losses.rules == 1000);
    CHECK(burst.last == start + 1s);
    REQUIRE(burst.worst);
    CHECK(burst.worst->id == 1);
    CHECK(burst.gaps.size() == 8);
}

TEST_CASE("burst: who only took what is not kubelet's is not blamed")
{
    Burst burst{.first = start, .last = start, .worst = std::nullopt, .losses = {}, .gaps = {}};
    burst.add({.id = 1,
               .culprit = {.pid = 1, .comm = "iptables"},
               .at = start,
               .losses = {.chains = 1},
               .touched_guarded = true});
    burst.add({.id = 2, .culprit = {.pid = 2, .comm = "docker"}, .at = start, .losses = {.chains = 9}});
    REQUIRE(burst.worst);
    CHECK(burst.worst->culprit.comm == "iptables");
}

TEST_CASE("burst: nobody is blamed where nothing was lost")
{
    Burst burst{.first = start, .last = start, .worst = std::nullopt, .losses = {}, .gaps = {}};
    burst.add({.id = 1, .culprit = {.pid = 1, .comm = "kubelet"}, .at = start, .losses = {}});
    CHECK_FALSE(burst.worst);
}
