// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/incident_text.hpp"
#include "daemon/command/screen.hpp"
#include "daemon/command/status_text.hpp"
#include "daemon/status.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <unistd.h>

using namespace chainkeeper;
using namespace chainkeeper::daemon;
using namespace std::chrono_literals;
using repair::Family;

namespace {

constexpr policies::WallTime morning{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21} + 8h};

const std::string incident_text =
    R"({"at": "2026-11-21T07:57:00.000000Z", "boot": "b", "culprit": {"unit": "iptables.service", "pid": 4711,)"
    R"( "comm": "iptables", "command_line": "iptables -F", "ancestors": ["bash 4700", "sshd 1"],)"
    R"( "confidence": "process"}, "lost": {"tables": 1, "chains": 6, "rules": 5}, "transactions": 13,)"
    R"( "gaps": ["events were lost"], "families": [{"family": "ipv4", "decision": "repair: assist",)"
    R"( "findings": ["chain X is missing"], "steps": 7, "outcome": "committed", "generation": 17, "verified": true}],)"
    R"( "timeline": [{"us": 0, "event": "heard", "text": "generation 5"}, {"us": 12345, "event": "decided",)"
    R"( "text": "ipv4: repair: assist"}]})";

Status::Family family(Family which)
{
    return {.diagnosis = {.family = which, .findings = {}},
            .monitor = policies::Monitor::alive,
            .source = KubeletEvidence::Source::presence,
            .at_flush = "repair: assist"};
}

Status well()
{
    Status status;
    status.families = {family(Family::ipv4), family(Family::ipv6)};
    status.mode = "repair";
    status.backend = "nft";
    status.backend_evidence = "the policy says so";
    status.units.emplace().kubelet = KubeletUnit{.name = "kubelet.service", .main_pid = 812};
    status.kubelet_version = "v1.34.2";
    return status;
}

void lose(Status::Family& family, std::size_t count, policies::Decision decision)
{
    family.diagnosis.findings.assign(
        count, {.kind = repair::FindingKind::chain_missing, .table = repair::Table::filter, .chain = "KUBE-FIREWALL"});
    family.decision = decision;
}

std::string shown(const Status& status)
{
    return status_text(to_json(status), morning, false);
}

bool has(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("screen: distances have two units at the most")
{
    CHECK(distance_text(0s) == "0 s");
    CHECK(distance_text(999ms) == "0 s");
    CHECK(distance_text(59s) == "59 s");
    CHECK(distance_text(60s) == "1 min");
    CHECK(distance_text(2h + 5min + 7s) == "2 h 5 min");
    CHECK(distance_text(2h + 7s) == "2 h");
    CHECK(distance_text(24h * 31) == "31 d");
    CHECK(when_text("2026-11-21T10:05:00.000000Z", morning) == "2026-11-21 10:05:00 UTC, in 2 h 5 min");
    CHECK(when_text("2026-11-21T07:00:00.000000Z", morning) == "2026-11-21 07:00:00 UTC, 1 h ago");
    CHECK(when_text("soon", morning) == "soon");
}

TEST_CASE("screen: columns are aligned, labels are said once, and nothing writes to the terminal")
{
    Screen screen{false, 6};
    screen.row("one", "a");
    screen.row("one", "b");
    screen.detail("c");
    screen.row("two", "\x1b[31md\n", Colour::red);
    CHECK(screen.text() == "one   a\n      b\n            c\ntwo   ?[31md?\n");
    Screen coloured{true, 2};
    coloured.row("", "x", Colour::green);
    CHECK(coloured.text() == "  \x1b[32mx\x1b[0m\n");
}

TEST_CASE("status text: a healthy node, as people see it")
{
    auto status = well();
    status.last_incident = incident_text;
    status.window_opens_next = morning + 26h;
    CHECK(shown(status) ==
          "kubelet's chains  ipv4  all there\n"
          "                  ipv6  all there\n"
          "kubelet           kubelet.service is active, pid 812, v1.34.2\n"
          "                  ipv4  listening (by presence)\n"
          "                  ipv6  listening (by presence)\n"
          "at a flush now    ipv4  repair: assist: all but the canaries at once, the canaries when kubelet has missed "
          "its "
          "deadline\n"
          "                  ipv6  repair: assist: all but the canaries at once, the canaries when kubelet has missed "
          "its "
          "deadline\n"
          "last flush        2026-11-21 07:57:00 UTC, 3 min ago\n"
          "                  flush by iptables.service (iptables, pid 4711): 1 table, 6 chains, 5 rules lost in 13 "
          "transactions\n"
          "                  ipv4: repair: assist, 7 steps, committed as generation 17, verified\n"
          "held              no\n"
          "change window     the next opens 2026-11-22 10:00:00 UTC, in 1 d 2 h\n"
          "mode              repair\n"
          "backend           nft (the policy says so)\n");
}

TEST_CASE("status text: what is wrong, what is waited for and against whom it stands off")
{
    auto status = well();
    lose(status.families[0], 9, {.row = policies::Row::standoff, .action = policies::Action::refuse});
    lose(status.families[1], 1, {.row = policies::Row::settling, .action = policies::Action::wait});
    status.families[0].standoff_until = morning + 1min;
    status.families[0].standoff_against = "evil.service";
    status.families[0].monitor = policies::Monitor::dead;
    status.families[1].monitor_deadline = morning + 75s;
    status.hold = Hold{.set_at = morning, .until = morning + 2h, .reason = "CHG-1", .stop = true, .login = "alice"};
    status.window_open_until = morning + 30min;
    status.units->disruptor_jobs = {{.unit = "iptables.service", .type = "restart"}};
    status.policy_error = "line 3: unknown key";
    status.backend = "";
    const auto text = shown(status);
    for (const auto* const part :
         {"ipv4  9 findings; refuse: standoff\n", "chain KUBE-FIREWALL is missing from table filter\n",
          "and 3 more: `chainkeeper check` lists them\n", "ipv6  1 finding; wait: settling\n",
          "ipv4  not listening (by presence)\n",
          "its canary is gone, and it has until 2026-11-21 08:01:15 UTC, in 1 min 15 s\n",
          "standing off      ipv4  until 2026-11-21 08:01:00 UTC, in 1 min, against evil.service\n",
          "held              until 2026-11-21 10:00:00 UTC, in 2 h, by alice: CHG-1 (nothing is even planned)\n",
          "change window     open until 2026-11-21 08:30:00 UTC, in 30 min; nothing is written\n",
          "running now       restart of iptables.service\n", "policy            line 3: unknown key\n",
          "backend           in doubt: the policy says so\n"})
        CHECK_MESSAGE(has(text, part), part);
    CHECK(has(status_text(to_json(status), morning, true), "\x1b[31mipv4  9 findings"));
}

TEST_CASE("status text: without a daemon it says so first, and that nothing would happen at a flush")
{
    auto json = to_json(well());
    json["no_daemon"] = "chainkeeperd does not run here";
    const auto text = status_text(json, morning, false);
    CHECK(text.starts_with("no daemon         chainkeeperd does not run here\n"));
    CHECK(has(text, "at a flush now    nothing: no daemon is there to hear of it\n"));
    CHECK_FALSE(has(text, "held"));
}

TEST_CASE("status text: opted out, inactive, not guarded, and never looked at")
{
    auto status = well();
    status.opted_out = true;
    status.units->kubelet.reset();
    status.families[1].guarded = false;
    auto text = shown(status);
    CHECK(has(text, "ipv6  kubelet makes none in this family\n"));
    CHECK(has(text, "kubelet           none of its units is active\n"));
    CHECK(has(text, "makeIPTablesUtilChains is false"));
    text = shown(Status{});
    CHECK(has(text, "nothing was looked at yet"));
    CHECK(has(text, "none is on record"));
}

TEST_CASE("status text: JSON of any shape is shown, or left out, and never throws")
{
    for (const auto* const text :
         {"null", "[]", "7", "\"x\"", "{}", R"({"families": 7})", R"({"families": [7, null, {}, []]})",
          R"({"families": [{"diagnosis": {"findings": [7]}, "guarded": "x", "monitor_deadline": 7}]})",
          R"({"hold": {"until": 7}, "last_incident": {"families": {}, "at": 7}, "last_repair": {"steps": -1}})",
          R"({"hold": [], "change_window": "x", "kubelet": 7, "backend": [], "disruptor_jobs": [1]})"})
        CHECK_FALSE(status_text(nlohmann::json::parse(text), morning, false).empty());
}

TEST_CASE("incident text: who, what was lost, what was done")
{
    const auto incident = incident_from_line(incident_text);
    REQUIRE(incident);
    Screen screen{false, 2};
    show_incident(screen, *incident, true);
    CHECK(screen.text() == "2026-11-21 07:57:00 UTC\n"
                           "  flush by iptables.service (iptables, pid 4711): 1 table, 6 chains, 5 rules lost in 13 "
                           "transactions\n"
                           "  it ran     iptables -F\n"
                           "  run by     bash 4700, by sshd 1\n"
                           "  known by   process\n"
                           "  not heard  events were lost\n"
                           "  ipv4: repair: assist, 7 steps, committed as generation 17, verified\n"
                           "        chain X is missing\n"
                           "           0 µs  heard      generation 5\n"
                           "       12345 µs  decided    ipv4: repair: assist\n");
    Screen brief{false, 2};
    show_incident(brief, *incident, false);
    CHECK_FALSE(has(brief.text(), "µs"));
}

TEST_CASE("incident text: every torn line is left out, and a hostile one cannot write to the terminal")
{
    for (std::size_t length = 0; length < incident_text.size(); ++length)
        CHECK_FALSE(incident_from_line(incident_text.substr(0, length)));
    for (const auto* const line : {"7", "[]", "{}", R"({"at": 7})", "\xff", "{\"at\": \"\xff\"}"})
        CHECK_FALSE(incident_from_line(line));
    const auto wicked = incident_from_line(
        R"({"at": "\u001b[2J", "culprit": {"comm": "\u001b]0;x\u0007", "ancestors": [7, {}], "pid": "x"}, "gaps": {},)"
        R"( "lost": [], "families": [7, {"verified": false, "findings": [1, 2]}], "timeline": [null]})");
    REQUIRE(wicked);
    Screen screen{false, 2};
    show_incident(screen, *wicked, true);
    CHECK_FALSE(has(screen.text(), "\x1b"));
    CHECK(has(screen.text(), "NOT there any more"));
}
