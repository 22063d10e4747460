// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/properties.hpp"
#include "daemon/status.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace chainkeeper;
using namespace chainkeeper::daemon;
using namespace std::chrono_literals;
using policies::Action;
using policies::Row;
using repair::Family;

namespace {

constexpr policies::WallTime morning{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21} + 8h};

Status::Family family_with(Family family, policies::Decision decision)
{
    Status::Family status{.diagnosis = {.family = family, .generation = 7, .findings = {}}, .decision = decision};
    if (decision.row != Row::healthy)
        status.diagnosis.findings.push_back(
            {.kind = repair::FindingKind::chain_missing, .table = repair::Table::filter, .chain = "KUBE-FIREWALL"});
    return status;
}

Status status_with(policies::Decision ipv4, policies::Decision ipv6)
{
    Status status;
    status.families = {family_with(Family::ipv4, ipv4), family_with(Family::ipv6, ipv6)};
    return status;
}

constexpr policies::Decision healthy{.row = Row::healthy, .action = Action::none};
constexpr policies::Decision settling{.row = Row::settling, .action = Action::wait};
constexpr policies::Decision standoff{.row = Row::standoff, .action = Action::refuse};
constexpr policies::Decision partial{.row = Row::partial_flush, .action = Action::repair};

}  // namespace

TEST_CASE("status: what is not known is null")
{
    const auto json = to_json(Status{});
    CHECK(json.dump() ==
          R"({"backend":{"evidence":null,"name":null},"change_window":{"open_until":null,"opens_next":null},)"
          R"("disruptor_jobs":[],"families":[],"healthy":null,"hold":null,"kubelet":{"active_since_us":null,)"
          R"("invocation":null,"main_pid":null,"opted_out":false,"state":"unknown","unit":null,"version":null},)"
          R"("last_incident":null,"last_repair":null,"mode":null,"policy_error":null,"systemd":false})");
}

TEST_CASE("status: a family tells what is, what was decided and what a flush would be met with")
{
    auto status = status_with(standoff, healthy);
    status.families[0].monitor = policies::Monitor::dead;
    status.families[0].source = KubeletEvidence::Source::deadline;
    status.families[0].monitor_deadline = morning;
    status.families[0].standoff_until = morning + 1h;
    status.families[0].standoff_against = "evil.service";
    status.families[0].at_flush = "refuse: standoff";
    status.families[1].guarded = false;
    const auto json = to_json(status);
    CHECK(json.at("healthy") == false);
    const auto& ipv4 = json.at("families").at(0);
    CHECK(ipv4.at("family") == "ipv4");
    CHECK(ipv4.at("decision") == "refuse: standoff");
    CHECK(ipv4.at("diagnosis").at("findings").at(0).at("chain") == "KUBE-FIREWALL");
    CHECK(ipv4.at("monitor") == "dead");
    CHECK(ipv4.at("source") == "deadline");
    CHECK(ipv4.at("monitor_deadline") == "2026-11-21T08:00:00.000000Z");
    CHECK(ipv4.at("standoff_until") == "2026-11-21T09:00:00.000000Z");
    CHECK(ipv4.at("standoff_against") == "evil.service");
    CHECK(ipv4.at("at_flush") == "refuse: standoff");
    const auto& ipv6 = json.at("families").at(1);
    CHECK(ipv6.at("guarded") == false);
    CHECK(ipv6.at("standoff_until").is_null());
    CHECK(to_json(status_with(healthy, healthy)).at("healthy") == true);
}

TEST_CASE("status: kubelet's unit, jobs and version")
{
    Status status;
    status.kubelet_version = "v1.34.2";
    status.units.emplace();
    CHECK(to_json(status).at("kubelet").at("state") == "inactive");
    CHECK(to_json(status).at("systemd") == true);
    status.units->kubelet =
        KubeletUnit{.name = "k3s.service", .invocation = "0123", .active_since = Instant{3s}, .main_pid = 4711};
    status.units->disruptor_jobs = {{.unit = "iptables.service", .type = "restart", .since = Instant{4s}}};
    const auto json = to_json(status);
    CHECK(json.at("kubelet").dump() ==
          R"({"active_since_us":3000000,"invocation":"0123","main_pid":4711,"opted_out":false,"state":"active",)"
          R"("unit":"k3s.service","version":"v1.34.2"})");
    CHECK(json.at("disruptor_jobs").dump() == R"([{"type":"restart","unit":"iptables.service"}])");
}

TEST_CASE("status: holds, windows, repairs and incidents")
{
    Status status;
    status.hold = Hold{.set_at = morning, .until = morning + 2h, .reason = "CHG-1", .uid = 0, .login = "alice"};
    status.window_opens_next = morning + 24h;
    status.last_repair = {.at = morning, .family = Family::ipv6, .decision = "repair: assist", .steps = 7};
    status.last_incident = R"({"at": "x"})";
    const auto json = to_json(status);
    CHECK(json.at("hold").at("login") == "alice");
    CHECK(json.at("change_window").at("opens_next") == "2026-11-22T08:00:00.000000Z");
    CHECK(json.at("last_repair").dump() ==
          R"({"at":"2026-11-21T08:00:00.000000Z","decision":"repair: assist","family":"ipv6","steps":7})");
    CHECK(json.at("last_incident").at("at") == "x");
    status.last_incident = R"({"at": "to)";
    CHECK(to_json(status).at("last_incident").is_null());
}

TEST_CASE("state: the worst family counts, and waiting is better than not knowing what to wait for")
{
    CHECK(state_of({}) == State::unknown);
    CHECK(state_of(status_with(healthy, healthy)) == State::healthy);
    CHECK(state_of(status_with(healthy, settling)) == State::waiting);
    CHECK(state_of(status_with(partial, settling)) == State::findings);
    CHECK(state_of(status_with(settling, partial)) == State::findings);
    CHECK(state_of(status_with(partial, standoff)) == State::refused);
    CHECK(to_string(State::refused) == "refused");
}

TEST_CASE("state: every action of the decision table has one, and none hides what is missing")
{
    const auto of = [](Action action) { return state_of(status_with({.row = Row::held, .action = action}, healthy)); };
    CHECK(of(Action::none) == State::findings);
    CHECK(of(Action::report) == State::findings);
    CHECK(of(Action::repair) == State::findings);
    CHECK(of(Action::would_repair) == State::findings);
    CHECK(of(Action::wait) == State::waiting);
    CHECK(of(Action::refuse) == State::refused);
}

TEST_CASE("properties: only what differs is told")
{
    auto status = status_with(healthy, healthy);
    const auto before = properties_of(status);
    CHECK(changed_names(before, before).empty());
    status.hold = Hold{.set_at = morning, .until = morning + 2h, .reason = "a\x1b", .stop = true, .login = "bob"};
    auto after = properties_of(status);
    CHECK(changed_names(before, after) == std::vector<std::string>{"Hold"});
    CHECK(after.hold.until == 1795255200000000);
    CHECK(after.hold.reason == "a?");
    status.families[1] = family_with(Family::ipv6, partial);
    status.families[0].monitor = policies::Monitor::alive;
    status.last_repair = {.at = morning, .family = Family::ipv6, .decision = "repair: partial_flush", .steps = 1};
    status.mode = "repair";
    status.backend = "nft";
    after = properties_of(status);
    CHECK(changed_names(before, after).size() == 7);
    CHECK(after.decision == std::map<std::string, std::string>{{"ipv4", "healthy"}, {"ipv6", "repair: partial_flush"}});
    CHECK(after.kubelet_monitor.at("ipv4") == "alive");
    CHECK(after.last_repair.at == 1795248000000000);
}
