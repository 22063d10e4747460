// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/daemon_process.hpp"
#include "tests/netns/generation_watch.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/stand_in.hpp"
#include "tests/support/kubelet.hpp"
#include "tests/support/ruleset.hpp"

#include <doctest/doctest.h>
#include <string>

// What the policy and kubelet's state keep the daemon from writing.
namespace chainkeeper::tests {

using repair::all_families;
using repair::Family;
using repair::Table;

namespace {

repair::Rule drop_everything()
{
    return {.source = {}, .destination = {}, .matches = {}, .target = repair::Verdict::drop};
}

std::string somebody(Family family)
{
    return family == Family::ipv4 ? "192.0.2.1" : "2001:db8::1";
}

void stop(Daemon& daemon)
{
    CHECK(daemon.process().stop() == 0);
}

}  // namespace

TEST_CASE("a dry run reports the repair and the plan in full, and writes nothing")
{
    DaemonOptions options{.arguments = {"--assume-monitor=dead"}};
    SUBCASE("by flag")
    {
        options.arguments.emplace_back("--dry-run");
    }
    SUBCASE("by policy")
    {
        options.policy.mode = "dry-run";
    }
    const Node node;
    make_once(node);
    Daemon daemon{node, options};
    flush_everything();
    const auto flushed = generation();
    for (const auto family : all_families) {
        daemon.await_log(decided(family, "would_repair: no_monitor ("));
        daemon.await_log(decided(family, "would create chain mangle KUBE-IPTABLES-HINT"));
        daemon.await_log(decided(family, "would create chain mangle KUBE-KUBELET-CANARY"));
        daemon.await_log(decided(family, "dry run: nothing was written"));
    }
    daemon.await_log("ipv4: would insert into filter INPUT: -j KUBE-FIREWALL");
    stop(daemon);
    CHECK(generation() == flushed);
    CHECK(nft_ruleset().empty());
}

TEST_CASE("a dry run leaves the canaries out of the plan while the Monitor may be alive")
{
    const Node node{27, each_backend()};
    make_once(node);
    Daemon daemon{node, {.arguments = {"--dry-run"}}};
    flush_everything();
    const auto flushed = generation();
    const auto ruleset = whole_ruleset();
    for (const auto family : all_families) {
        daemon.await_log(decided(family, "would_repair: assist ("));
        daemon.await_log(decided(family, "dry run: nothing was written"));
        CHECK(daemon.count(decided(family, "would create chain mangle KUBE-IPTABLES-HINT")) > 0);
        CHECK(daemon.count(decided(family, "would create chain mangle KUBE-KUBELET-CANARY")) == 0);
    }
    stop(daemon);
    CHECK(generation() == flushed);
    CHECK(whole_ruleset() == ruleset);
}

TEST_CASE("in mode off a loss is only reported")
{
    const Node node{27, each_backend()};
    make_once(node);
    Daemon daemon{node, {.policy = {.mode = "off"}, .arguments = {"--assume-monitor=dead"}}};
    flush_everything();
    const auto flushed = generation();
    const auto ruleset = whole_ruleset();
    for (const auto family : all_families) {
        daemon.await_log(decided(family, "report: held ("));
        daemon.await_log(decided(family, "chain KUBE-IPTABLES-HINT is missing from table mangle"));
    }
    stop(daemon);
    CHECK(generation() == flushed);
    CHECK(whole_ruleset() == ruleset);
}

TEST_CASE("a guarded chain that drops everything is reported, and left as it is")
{
    const auto place = each_place();
    const auto family = place.family;
    const Node node{24, place.iptables};
    make_once(node);
    Daemon daemon{node};
    run_all(family, {{"-A", "KUBE-FIREWALL", "-j", "DROP"}});
    const auto damaged = generation();
    daemon.await_log(decided(family, "report: damaged ("));
    stop(daemon);
    CHECK(generation() == damaged);
    CHECK(check(family, Table::filter, "KUBE-FIREWALL", drop_everything()) == 0);
}

TEST_CASE("where the policy says so the rule that drops everything goes, and no other")
{
    const auto place = each_place();
    const auto family = place.family;
    // Behind kubelet's rules, and before them.
    for (const auto* const how : {"-A", "-I"}) {
        Node node{24, place.iptables};
        make_once(node);
        const auto before = kubelet_lines(family);
        const Daemon daemon{node, {.policy = {.on_damage = "rewrite"}}};
        run_all(family, {{how, "KUBE-FIREWALL", "-j", "DROP"}});
        node.await_healthy(family);
        daemon.await_log(decided(family, "repair: partial_flush ("));
        CHECK(check(family, Table::filter, "KUBE-FIREWALL", drop_everything()) == 1);
        CHECK(check(family, Table::filter, "KUBE-FIREWALL", marked_rule()) == 0);
        check_as_before(node, family, before);
    }
}

TEST_CASE("nobody else's rule is ever deleted")
{
    const auto place = each_place();
    const auto family = place.family;
    const Node node{24, place.iptables};
    make_once(node);
    const Daemon daemon{node, {.policy = {.on_damage = "rewrite"}}};
    run_all(family, {{"-N", "FOREIGN"},
                     {"-A", "FOREIGN", "-j", "DROP"},
                     {"-A", "INPUT", "-s", somebody(family), "-j", "FOREIGN"},
                     {"-A", "KUBE-FIREWALL", "-s", somebody(family), "-j", "DROP"}});
    daemon.await_log(decided(family, "report: damaged ("));
    const auto before = saved(family);
    // A repair in the same chain, with the right to rewrite it.
    run_all(family, {{"-D", "KUBE-FIREWALL", "1"}, {"-D", "INPUT", "-j", "KUBE-FIREWALL"}});
    daemon.await_log(decided(family, "repair: partial_flush ("));
    daemon.await_log(decided(family, "all that was to be repaired is there"));
    const auto [added, removed] = difference(before, saved(family));
    CHECK(added.empty());
    CHECK(removed.empty());
}

TEST_CASE("while nothing of kubelet's was ever seen, it is given time, and then helped without the canaries")
{
    Node node;
    GenerationWatch watch;
    const StandIn kubelet{node, {.fail_init = "ipv4"}};
    const auto ipv6 = kubelet_lines(Family::ipv6);
    const Daemon daemon{node, {.policy = {.init_grace = "1s"}}};
    daemon.await_log("ipv4: wait: kubelet_initialising (");
    daemon.await_log("ipv6: healthy");
    daemon.await_log("ipv4: repair: assist (");
    daemon.await_log("kubelet's Monitor is unknown, by none");
    daemon.await_log("ipv4: all that was to be repaired is there");
    CHECK(node.examine(Family::ipv4).mangle_canary_missing());
    check_as_before(node, Family::ipv6, ipv6);
    const auto repairs = watch.heard_of(daemon_comm);
    REQUIRE(repairs.size() == 1);
    CHECK_FALSE(repairs.front().touches(Family::ipv6));
}

TEST_CASE("a kubelet that is about to begin is not run over")
{
    Node node;
    GenerationWatch watch;
    const Daemon daemon{node, {.policy = {.settle = "1s"}}};
    for (const auto family : all_families)
        daemon.await_log(decided(family, "wait: kubelet_initialising ("));
    const StandIn kubelet{node, {}};
    node.await_healthy();
    for (const auto family : all_families)
        daemon.await_log(decided(family, "healthy"));
    CHECK(watch.heard_of(daemon_comm).empty());
}

}  // namespace chainkeeper::tests
