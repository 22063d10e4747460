// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/await.hpp"
#include "tests/netns/daemon_process.hpp"
#include "tests/netns/generation_watch.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/stand_in.hpp"
#include "tests/support/environment.hpp"
#include "tests/support/ruleset.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <iterator>
#include <map>
#include <string>
#include <vector>

// transport = "iptables-restore": the node's own program writes what the daemon has decided.
namespace chainkeeper::tests {

using repair::all_families;
using repair::Family;

namespace {

constexpr const char* restore_comm = "iptables-nft-re";
constexpr const char* transport = "iptables-restore";

// The transactions of a family after the generation.
std::vector<Transaction> written_after(GenerationWatch& watch, std::uint32_t generation, Family family)
{
    std::vector<Transaction> written;
    std::ranges::copy_if(watch.heard(), std::back_inserter(written), [&](const Transaction& transaction) {
        return transaction.id > generation && transaction.touches(family);
    });
    return written;
}

void heal_with_restore(unsigned minor)
{
    CAPTURE(minor);
    Node node{minor};
    GenerationWatch watch;
    make_once(node);
    const std::map<Family, std::string> before{{Family::ipv4, kubelet_lines(Family::ipv4)},
                                               {Family::ipv6, kubelet_lines(Family::ipv6)}};
    const Daemon daemon{node, {.policy = {.transport = transport}, .arguments = {"--assume-monitor=dead"}}};
    flush_everything();
    const auto flushed = generation();
    node.await_healthy();
    for (const auto family : all_families) {
        CAPTURE(to_string(family));
        const auto name = family == Family::ipv4 ? restore_comm : "ip6tables-nft-r";
        daemon.await_log(decided(family, "repair: no_monitor ("));
        daemon.await_log(fmt::format("{}: all that was to be repaired is there", to_string(family)));
        const auto written = written_after(watch, flushed, family);
        REQUIRE(written.size() == 3);
        for (const auto& transaction : written) {
            CHECK(transaction.comm == name);
            CHECK(transaction.adds_chain(canary(family, "mangle")) == (transaction.id == written.back().id));
        }
        CHECK(is_complete(written.back(), node.guarded(family)));
        check_as_before(node, family, before.at(family));
    }
    CHECK(watch.heard_of(daemon_comm).empty());
}

}  // namespace

TEST_CASE("iptables-restore heals a full flush without a Monitor table by table, mangle with its canary the last")
{
    for (const unsigned minor : {24U, 25U, 27U})
        heal_with_restore(minor);
}

TEST_CASE("what iptables-restore writes for the daemon is not taken for kubelet's, canaries or not")
{
    Node node;
    make_once(node);
    // The shortest interval there is; kubelet's wait for a whole flush and the slack come on top of it: 15 s.
    const Daemon daemon{node, {.policy = {.transport = transport, .monitor_interval = "100ms"}}};
    flush_everything();
    for (const auto family : all_families)
        daemon.await_log(decided(family, "repair: assist ("));
    node.await_healthy();
    for (const auto family : all_families)
        daemon.await_log(decided(family, "repair: monitor_silent ("));
    flush_everything();
    for (const auto family : all_families)
        daemon.await_log(decided(family, "repair: assist ("), 2);
    // Had the daemon heard its own canaries as kubelet's, it would be alive, by presence.
    daemon.await_log("kubelet's Monitor is unknown, by deadline", 2);
    CHECK(daemon.count(restore_comm) == 0);
}

TEST_CASE("a restore program that fails is reported with its words, and what it left undone is tried again")
{
    Node node;
    make_once(node);
    const TemporaryDirectory programs;
    programs.write("iptables-nft-restore", "#!/bin/sh\necho 'out of order' >&2\nexit 4\n");
    std::filesystem::permissions(programs.path() / "iptables-nft-restore", std::filesystem::perms::owner_all);
    const Daemon daemon{
        node,
        {.policy = {.transport = transport},
         .environment = {{"PATH", fmt::format("{}:{}", programs.path().string(), std::getenv("PATH"))}}}};
    flush_filter(Family::ipv4);
    daemon.await_log("ipv4: failed: iptables-nft-restore ended with 4: out of order");
    CHECK_FALSE(node.examine(Family::ipv4).healthy());
    std::filesystem::remove(programs.path() / "iptables-nft-restore");
    node.await_healthy(Family::ipv4);
}

TEST_CASE("another transport is in force as soon as the policy was read again")
{
    Node node;
    GenerationWatch watch;
    make_once(node);
    Daemon daemon{node};
    write_policy(node, {.transport = transport});
    daemon.process().send(SIGHUP);
    daemon.await_log("the policy was read again");
    flush_filter(Family::ipv4);
    node.await_healthy(Family::ipv4);
    daemon.await_log(decided(Family::ipv4, "repair: partial_flush ("));
    CHECK(watch.heard_of(daemon_comm).empty());
    CHECK(watch.heard_of(restore_comm).size() == 1);
}

TEST_CASE("one look repairs with iptables-restore where the policy says so")
{
    Node node;
    GenerationWatch watch;
    make_once(node);
    flush_everything();
    const auto policy = write_policy(node, {.transport = transport}).string();
    const auto repaired = chainkeeper(node, {"repair", "--policy", policy, "--assume-monitor=dead"});
    CAPTURE(repaired.errors);
    CHECK(repaired.status == 0);
    CHECK(node.examine(Family::ipv4).healthy());
    CHECK(node.examine(Family::ipv6).healthy());
    CHECK(watch.heard_of("chainkeeper").empty());
}

}  // namespace chainkeeper::tests
