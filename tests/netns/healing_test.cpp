// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/await.hpp"
#include "tests/netns/daemon_process.hpp"
#include "tests/netns/generation_watch.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/stand_in.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <string>
#include <vector>

// What was lost comes back, the way the decision table says.
namespace chainkeeper::tests {

using repair::all_families;
using repair::Family;

namespace {

constexpr const char* mended = "all that was to be repaired is there";

Family other(Family family)
{
    return family == Family::ipv4 ? Family::ipv6 : Family::ipv4;
}

bool is_nft()
{
    return iptables_in_use() == IptablesBackend::nft;
}

// How often the daemon has repaired a family: by the kernel's word; of legacy tables, of which the kernel tells
// nothing, by its own.
std::size_t repairs(GenerationWatch& watch, const Daemon& daemon, Family family)
{
    if (!is_nft())
        return daemon.count(decided(family, mended));
    const auto written = watch.heard_of(daemon_comm);
    return static_cast<std::size_t>(
        std::ranges::count_if(written, [&](const Transaction& transaction) { return transaction.touches(family); }));
}

// After a transaction of the daemon the mangle canary is there with all the rest of its family, or it is not there.
void check_kubelet_never_blinded(GenerationWatch& watch, const Node& node)
{
    for (const auto& transaction : watch.heard_of(daemon_comm))
        for (const auto family : all_families) {
            CAPTURE(transaction.id);
            if (transaction.touches(family) && transaction.holds(canary(family, "mangle")))
                CHECK(is_complete(transaction, node.guarded(family)));
        }
}

// Nobody but kubelet brings the canaries back.
void check_canaries_are_kubelets(GenerationWatch& watch, Family family)
{
    if (!is_nft())
        return;
    for (const auto table : repair::all_tables) {
        const auto name = canary(family, std::string{to_string(table)});
        std::vector<std::string> writers;
        for (const auto& transaction : watch.heard())
            if (transaction.adds_chain(name))
                writers.push_back(transaction.comm);
        CAPTURE(name.table);
        CHECK(writers.size() == 2);
        CHECK(std::ranges::count(writers, daemon_comm) == 0);
    }
}

std::string resynced(Family family)
{
    return fmt::format("Monitor resynced protocol=\"{}\"", family == Family::ipv4 ? "IPv4" : "IPv6");
}

using Arguments = std::vector<std::string>;

// One thing each that kubelet of that version has in this family.
std::vector<Arguments> losses(unsigned minor, Family family)
{
    std::vector<Arguments> all{{"-F", "KUBE-FIREWALL"},
                               {"-D", "KUBE-FIREWALL", "1"},
                               {"-t", "nat", "-F", "KUBE-POSTROUTING"},
                               {"-t", "nat", "-D", "KUBE-POSTROUTING", "2"},
                               {"-t", "nat", "-D", "POSTROUTING", "1"},
                               {"-t", "nat", "-D", "KUBE-MARK-MASQ", "1"},
                               {"-t", "nat", "-X", "KUBE-KUBELET-CANARY"},
                               {"-t", "mangle", "-X", "KUBE-IPTABLES-HINT"}};
    if (minor == 24 || family == Family::ipv4)
        all.insert(all.end(), {{"-D", "INPUT", "-j", "KUBE-FIREWALL"}, {"-D", "OUTPUT", "-j", "KUBE-FIREWALL"}});
    return all;
}

void heal_in_one_transaction_a_family(unsigned minor, IptablesBackend backend)
{
    Node node{minor, backend};
    GenerationWatch watch;
    make_once(node);
    const std::map<Family, std::string> before{{Family::ipv4, kubelet_lines(Family::ipv4)},
                                               {Family::ipv6, kubelet_lines(Family::ipv6)}};
    const Daemon daemon{node, {.arguments = {"--assume-monitor=dead"}}};
    flush_everything();
    node.await_healthy();
    for (const auto family : all_families) {
        daemon.await_log(decided(family, "repair: no_monitor ("));
        check_as_before(node, family, before.at(family));
    }
    // A legacy table is emptied by a command of its own, and each is replaced by itself.
    if (!is_nft())
        return;
    const auto repairs = watch.heard_of(daemon_comm);
    REQUIRE(repairs.size() == 2);
    CHECK(repairs.back().id == repairs.front().id + 1);
    for (const auto family : all_families) {
        const auto& repair = repairs.at(family == Family::ipv4 ? 0 : 1);
        CHECK(is_complete(repair, node.guarded(family)));
        CHECK_FALSE(repair.touches(other(family)));
    }
}

void lose_one_by_one(unsigned minor, Place place)
{
    const auto family = place.family;
    Node node{minor, place.iptables};
    GenerationWatch watch;
    make_once(node);
    const auto before = kubelet_lines(family);
    const Daemon daemon{node};
    std::size_t lost = 0;
    for (const auto& loss : losses(minor, family)) {
        CAPTURE(fmt::format("{}", fmt::join(loss, " ")));
        run_all(family, {loss});
        CHECK_FALSE(node.examine(family).healthy());
        node.await_healthy(family);
        daemon.await_log(decided(family, "repair: partial_flush ("), ++lost);
        daemon.await_log(decided(family, mended), lost);
        CHECK(kubelet_lines(family) == before);
        CHECK(repairs(watch, daemon, family) == lost);
    }
    check_as_before(node, family, before);
    check_kubelet_never_blinded(watch, node);
}

}  // namespace

TEST_CASE("a flush of the filter table, which kubelet's Monitor does not see, is healed as a partial flush")
{
    const auto place = each_place();
    const auto family = place.family;
    Node node{27, place.iptables};
    GenerationWatch watch;
    const StandIn kubelet{node, {.monitor_interval = "0.2"}};
    const auto before = kubelet_lines(family);
    const Daemon daemon{node, {.policy = {.settle = "1s"}}};
    flush_filter(family);
    CHECK(kubelet_lines(family) != before);
    node.await_healthy(family);
    daemon.await_log(decided(family, "repair: partial_flush ("));
    daemon.await_log(decided(family, mended));
    check_as_before(node, family, before);
    CHECK(kubelet.log().find("resynced") == std::string::npos);
    CHECK(repairs(watch, daemon, family) == 1);
    CHECK(repairs(watch, daemon, other(family)) == 0);
    check_kubelet_never_blinded(watch, node);
}

TEST_CASE("after a full flush a living Monitor is assisted: all but the canaries come from the daemon, these from it")
{
    const auto place = each_place();
    const auto family = place.family;
    Node node{27, place.iptables};
    GenerationWatch watch;
    // The Monitor looks long after the daemon has acted, and the ruleset does not rest between two of its commands.
    const StandIn kubelet{node, {.monitor_interval = "4"}};
    const auto before = kubelet_lines(family);
    const Daemon daemon{node, {.policy = {.settle = "500ms", .monitor_interval = "10s"}}};
    flush(family);
    daemon.await_log(decided(family, "repair: assist ("));
    daemon.await_log("kubelet's Monitor is alive, by presence");
    await("the Monitor had resynced", [&] { return kubelet.log().find(resynced(family)) != std::string::npos; });
    daemon.await_log(decided(family, "healthy"), 2);
    check_as_before(node, family, before);
    CHECK(repairs(watch, daemon, family) == 1);
    CHECK(repairs(watch, daemon, other(family)) == 0);
    check_canaries_are_kubelets(watch, family);
    if (!is_nft())
        return;
    const auto repair = watch.heard_of(daemon_comm).front();
    CHECK(repair.adds_chain({family, "mangle", "KUBE-IPTABLES-HINT"}));
    CHECK(repair.adds_chain({family, "filter", "KUBE-FIREWALL"}) == (family == Family::ipv4));
}

TEST_CASE("without a Monitor a full flush is healed in one transaction a family, canaries and all")
{
    const auto backend = each_backend();
    for (const unsigned minor : {24U, 25U, 27U})
        heal_in_one_transaction_a_family(minor, backend);
}

TEST_CASE("a Monitor that lets its deadline pass gets no canary before it, at this flush and at the next")
{
    Node node{27, each_backend()};
    GenerationWatch watch;
    make_once(node);
    // The shortest interval there is; kubelet's wait for a whole flush and the slack come on top of it.
    constexpr std::chrono::milliseconds deadline{100 + 5'000 + 10'000};
    const DaemonOptions options{.policy = {.monitor_interval = "100ms"}};
    {
        Daemon daemon{node, options};
        const auto flushed = std::chrono::steady_clock::now();
        flush_everything();
        for (const auto family : all_families)
            daemon.await_log(decided(family, "repair: assist ("));
        for (const auto family : all_families)
            CHECK(node.examine(family).mangle_canary_missing());
        node.await_healthy();
        CHECK(std::chrono::steady_clock::now() - flushed >= deadline);
        for (const auto family : all_families)
            daemon.await_log(decided(family, "repair: monitor_silent ("));
        if (is_nft()) {
            const auto repairs = watch.heard_of(daemon_comm);
            REQUIRE(repairs.size() == 4);
            CHECK_FALSE(repairs.at(0).holds(canary(Family::ipv4, "mangle")));
            CHECK_FALSE(repairs.at(1).holds(canary(Family::ipv6, "mangle")));
        }
        check_kubelet_never_blinded(watch, node);
        await("the daemon had written down what it knows", [&] {
            const auto evidence = text_of(node.folder() / "run" / "evidence.json");
            return evidence.find("\"deadline\"") != evidence.rfind("\"deadline\"");
        });
        daemon.process().send(SIGKILL);
        CHECK(daemon.process().await_end() == 128 + SIGKILL);
    }
    // Another daemon knows of it, and that the canaries are not kubelet's; whatever kubelet runs now gets its time.
    const Daemon daemon{node, options};
    flush_everything();
    for (const auto family : all_families)
        daemon.await_log(decided(family, "repair: assist ("));
    daemon.await_log("kubelet's Monitor is unknown, by deadline", 2);
    for (const auto family : all_families)
        CHECK(node.examine(family).mangle_canary_missing());
    check_kubelet_never_blinded(watch, node);
}

TEST_CASE("a guarded chain that was renamed, of which only the new name is told, is missed and put back")
{
    Node node{27, each_backend()};
    make_once(node);
    // A legacy table has the same size after it.
    const Daemon daemon{node, {.policy = {.legacy_poll = "100ms"}}};
    run_all(Family::ipv4, {{"-E", "KUBE-FIREWALL", "FOO"}});
    CHECK_FALSE(node.examine(Family::ipv4).healthy());
    node.await_healthy(Family::ipv4);
    daemon.await_log(decided(Family::ipv4, "repair: partial_flush ("));
}

TEST_CASE("one thing alone that is lost is put back where it was")
{
    const auto place = each_place();
    for (const unsigned minor : {24U, 25U})
        lose_one_by_one(minor, place);
}

}  // namespace chainkeeper::tests
