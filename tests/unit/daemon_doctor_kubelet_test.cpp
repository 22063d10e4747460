// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/clock.hpp"
#include "daemon/doctor/kubelet_chains_check.hpp"
#include "daemon/doctor/kubelet_init_check.hpp"
#include "daemon/kubelet/journal_line.hpp"
#include "daemon/kubelet/kubelet_init.hpp"
#include "tests/support/journal_file.hpp"
#include "tests/unit/doctor_root.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace chainkeeper;
using namespace chainkeeper::daemon;
using namespace chainkeeper::daemon::doctor;
using namespace std::chrono_literals;
using repair::Family;
using tests::DoctorRoot;
using tests::says;

namespace {

GuardedChains missing(const std::string& decision)
{
    return {.families = {{.name = "ipv4", .decision = decision, .findings = {"filter: KUBE-FIREWALL is missing"}},
                         {.name = "ipv6", .decision = "healthy", .findings = {}}}};
}

GuardedChains healthy()
{
    return {.families = {{.name = "ipv4", .decision = "healthy", .findings = {}},
                         {.name = "ipv6", .decision = "healthy", .findings = {}}}};
}

InitSeen failed_in_ipv4(std::optional<GuardedChains> chains)
{
    InitSeen seen;
    seen.unit = "kubelet.service";
    seen.chains = std::move(chains);
    seen.init.reports[Family::ipv4] = {.succeeded = false, .error = "exit status 4: xtables lock"};
    seen.init.reports[Family::ipv6] = {.succeeded = true, .error = {}};
    return seen;
}

std::string failed(std::string_view protocol)
{
    return fmt::format(
        "E0101 12:00:00.000000    1234 x.go:66] \"Failed to initialize iptables rules; some functionality "
        "may be missing.\" protocol=\"{}\"",
        protocol);
}

std::string error(std::string_view text)
{
    return fmt::format(R"(E0101 12:00:00.000000    1234 x.go:60] "Failed to ensure that chain exists" err="{}")", text);
}

}  // namespace

TEST_CASE("doctor kubelet-chains: what is there is ok, what is missing is critical and says what the daemon would do")
{
    CHECK(judge_chains(healthy()).verdict == Verdict::ok);
    const auto without_daemon = judge_chains(missing("would_repair: no_monitor"));
    CHECK(without_daemon.verdict == Verdict::critical);
    CHECK(says(without_daemon, "ipv4: filter: KUBE-FIREWALL is missing"));
    CHECK(says(without_daemon, "would decide `would_repair: no_monitor`: all of it"));
    CHECK(says(without_daemon, "`systemctl start chainkeeperd`"));
    auto chains = missing("repair: assist");
    chains.daemon_runs = true;
    CHECK(says(judge_chains(chains), "decides `repair: assist`: all but the canaries"));
    CHECK(says(judge_chains(chains), "look again in some seconds"));
    chains.held_back = true;
    CHECK(says(judge_chains(chains), "a hold or a change window forbids it"));
}

TEST_CASE("doctor kubelet-chains: every row of the decision table has its words and its next step")
{
    using policies::Row;
    for (const auto row : {Row::held, Row::backend_ambiguous, Row::kubelet_inactive, Row::kubelet_initialising,
                           Row::disruptor_running, Row::settling, Row::standoff, Row::damaged, Row::assist,
                           Row::partial_flush, Row::nudge, Row::no_monitor, Row::monitor_silent}) {
        const auto judgement = judge_chains(missing(fmt::format("wait: {}", to_string(row))));
        CAPTURE(to_string(row));
        CHECK_FALSE(judgement.next_step.empty());
        CHECK(says(judgement, fmt::format("{}`: ", to_string(row))));
    }
}

TEST_CASE(
    "doctor kubelet-chains: a backend in doubt is unknown, and a kubelet that does not run is no fault of its chains")
{
    const auto ambiguous = judge_chains(missing("refuse: backend_ambiguous"));
    CHECK(ambiguous.verdict == Verdict::unknown);
    CHECK(says(ambiguous, "[guard] backend"));
    auto inactive = missing("wait: kubelet_inactive");
    inactive.families.pop_back();
    CHECK(judge_chains(inactive).verdict == Verdict::not_applicable);
    CHECK(says(judge_chains(inactive), "systemctl start kubelet"));
    auto opted_out = missing("healthy");
    opted_out.opted_out = "makeIPTablesUtilChains: false in /etc/kubelet.yaml";
    CHECK(judge_chains(opted_out).verdict == Verdict::not_applicable);
    CHECK(says(judge_chains(opted_out), "makeIPTablesUtilChains: false in /etc/kubelet.yaml"));
    const DoctorRoot root;
    CHECK(root.examine(KubeletChainsCheck{}).verdict == Verdict::not_applicable);
}

TEST_CASE("doctor kubelet-chains: the answer of a daemon is read, whatever is in it")
{
    const auto chains = guarded_chains_in(nlohmann::json::parse(R"({"mode": "repair", "kubelet": {"opted_out": false},
        "families": [{"family": "ipv4", "decision": "repair: assist", "guarded": true,
                      "diagnosis": {"findings": [{"text": "gone"}]}}]})"));
    REQUIRE(chains.families.size() == 1);
    CHECK(chains.family("ipv4")->findings == std::vector<std::string>{"gone"});
    CHECK(chains.family("ipv6") == nullptr);
    CHECK(chains.daemon_runs);
    CHECK_FALSE(chains.held_back);
    CHECK(guarded_chains_in(nlohmann::json::parse(R"({"mode": "dry-run"})")).held_back);
    CHECK(guarded_chains_in(nlohmann::json::parse(R"({"families": 7})")).families.empty());
    CHECK_FALSE(guarded_chains_in(nlohmann::json::parse(R"({"kubelet": {"opted_out": true}})")).opted_out.empty());
}

TEST_CASE("doctor kubelet-init: a failed init is critical unless the chains are there and a daemon keeps them")
{
    const auto gone = judge_init(failed_in_ipv4(missing("repair: no_monitor")));
    CHECK(gone.verdict == Verdict::critical);
    CHECK(says(gone, "IPv4: kubelet failed to make its chains when it started, and never looks again: exit status 4: "
                     "xtables lock; they are missing"));
    CHECK(says(gone, "IPv6: kubelet made its chains"));
    CHECK(says(gone, "systemctl restart kubelet.service"));
    auto kept = healthy();
    CHECK(judge_init(failed_in_ipv4(kept)).verdict == Verdict::critical);
    CHECK(says(judge_init(failed_in_ipv4(kept)), "nobody puts them back"));
    kept.daemon_runs = true;
    CHECK(judge_init(failed_in_ipv4(kept)).verdict == Verdict::warning);
    kept.held_back = true;
    CHECK(judge_init(failed_in_ipv4(kept)).verdict == Verdict::critical);
    CHECK(judge_init(failed_in_ipv4({})).verdict == Verdict::critical);
}

TEST_CASE("doctor kubelet-init: what the journal has lost is known to a daemon that has read it")
{
    const auto chains_with = [](const std::string& ipv4, const std::string& ipv6) {
        return guarded_chains_in(
            {{"mode", "repair"},
             {"families",
              {{{"family", "ipv4"}, {"monitor", ipv4}, {"source", "journal"}, {"decision", "healthy"}},
               {{"family", "ipv6"}, {"monitor", ipv6}, {"source", "journal"}, {"decision", "healthy"}}}}});
    };
    InitSeen seen;
    seen.unit = "kubelet.service";
    seen.chains = chains_with("alive", "alive");
    CHECK(judge_init(seen).verdict == Verdict::ok);
    CHECK(says(judge_init(seen), "IPv6: kubelet made its chains, and watches them, as chainkeeperd has read"));
    seen.chains = chains_with("dead", "alive");
    CHECK(judge_init(seen).verdict == Verdict::warning);
    CHECK(says(judge_init(seen), "chainkeeperd alone keeps them"));
    seen.chains = chains_with("unknown", "alive");
    CHECK(judge_init(seen).verdict == Verdict::unknown);
    seen.chains->families.front().monitor_by_journal.clear();
    CHECK(judge_init(seen).verdict == Verdict::unknown);
    // By what it saw instead: that says nothing of how kubelet started.
    seen.chains = guarded_chains_in(
        {{"families", {{{"family", "ipv4"}, {"monitor", "alive"}, {"source", "presence"}, {"decision", "healthy"}}}}});
    CHECK(judge_init(seen).verdict == Verdict::unknown);
}

TEST_CASE("doctor kubelet-init: what was reported well is ok, what was not reported is unknown")
{
    InitSeen seen;
    seen.unit = "kubelet.service";
    seen.chains = healthy();
    CHECK(judge_init(seen).verdict == Verdict::unknown);
    CHECK(says(judge_init(seen), "gone from the journal"));
    seen.is_young = true;
    CHECK(judge_init(seen).verdict == Verdict::unknown);
    CHECK(says(judge_init(seen), "has just started"));
    seen.init.reports[repair::Family::ipv4] = {.succeeded = true, .error = {}};
    CHECK(judge_init(seen).verdict == Verdict::unknown);
    seen.is_young = false;
    CHECK(judge_init(seen).verdict == Verdict::ok);
    CHECK(says(judge_init(seen), "IPv6: kubelet has left it out, as it does from 1.33 on"));
    for (const auto family : repair::all_families)
        seen.init.reports[family] = {.succeeded = true, .error = {}};
    CHECK(judge_init(seen).verdict == Verdict::ok);
    seen.init.reports.clear();
    seen.init.found_no_iptables = true;
    CHECK(judge_init(seen).verdict == Verdict::warning);
    const DoctorRoot root;
    CHECK(root.examine(KubeletInitCheck{}).verdict == Verdict::not_applicable);
}

TEST_CASE("kubelet's journal of one start: which family failed, with the error beside it, printable and cut")
{
    const tests::TemporaryDirectory directory;
    const std::string ours(32, 'a');
    const std::string theirs(32, 'b');
    const auto began = SystemClock{}.now() - 5s;
    const auto at = std::chrono::floor<std::chrono::microseconds>(began.time_since_epoch());
    const auto chain_error =
        error("error creating chain: exit status 4: \x1b[31mxtables lock " + std::string(2000, 'x'));
    tests::append_to_journal(directory.path() / "system.journal",
                             {{ours, at + 1ms, error("no such pod")},
                              {theirs, at + 2ms, error("error creating chain: of another start")},
                              {ours, at + 3ms, chain_error},
                              {ours, at + 4ms, failed("IPv4")},
                              {ours, at + 5ms, failed("IPv6")}});
    const auto init = read_kubelet_init(ours, began, directory.path());
    REQUIRE(init.has_value());
    REQUIRE(init->reports.size() == 2);
    const auto& ipv4 = init->reports.at(Family::ipv4);
    CHECK_FALSE(ipv4.succeeded);
    CHECK(ipv4.error.find("exit status 4") != std::string::npos);
    CHECK(ipv4.error.find('\x1b') == std::string::npos);
    CHECK(ipv4.error.size() < 700);
    CHECK(init->reports.at(Family::ipv6) == KubeletInit::Report{.succeeded = false, .error = {}});
    CHECK(read_kubelet_init(std::string(32, 'c'), began, directory.path())->reports.empty());
    CHECK_FALSE(read_kubelet_init("nonsense", began, directory.path()).has_value());
    CHECK_FALSE(read_kubelet_init(ours, began, directory.path() / "nothing").has_value());
}

TEST_CASE("an error of kubelet's about its chains is known in each form of its log")
{
    CHECK(kubelet_error_from_message(error("error creating chain"))->find("\"Failed to ensure") == 0);
    CHECK(kubelet_error_from_message(R"({"ts":1,"caller":"x.go:1","msg":"Failed","err":"chain: exit status 4"})") ==
          "Failed: chain: exit status 4");
    CHECK(kubelet_error_from_message(R"(time="x" level=info msg="E0101 chain" component=kubelet)") == "E0101 chain");
    CHECK_FALSE(kubelet_error_from_message(R"(time="x" level=info msg="E0101 chain" component=etcd)"));
    CHECK_FALSE(kubelet_error_from_message(error("pod").replace(0, 1, "I")));
    CHECK_FALSE(kubelet_error_from_message(R"({"ts":1,"err":7})"));
    CHECK_FALSE(kubelet_error_from_message("E chain"));
    CHECK_FALSE(kubelet_error_from_message(error(std::string(5000, 'x'))));
}
