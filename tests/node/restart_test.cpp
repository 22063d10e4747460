// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/node/booted_node.hpp"
#include "tests/support/kubelet.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <random>
#include <thread>

// `systemctl restart iptables`.
namespace chainkeeper::tests {

using repair::all_families;

namespace {

bool is_of_the_restart(const Transaction& transaction)
{
    static constexpr std::array comms{"iptables", "ip6tables", "iptables-restor", "ip6tables-resto"};
    return std::ranges::count(comms, transaction.comm) > 0;
}

// How many transactions of the daemon stand between the first and the last of the restart, of those from `begin` on.
std::ptrdiff_t repairs_within_restart(const std::vector<Transaction>& all, std::size_t begin)
{
    const auto first = std::find_if(all.begin() + static_cast<std::ptrdiff_t>(begin), all.end(), is_of_the_restart);
    const auto last = std::find_if(all.rbegin(), all.rend(), is_of_the_restart).base();
    REQUIRE(first < last);
    return std::count_if(first, last, [](const Transaction& each) { return each.comm == daemon_comm; });
}

void check_canaries_are_kubelets(BootedNode& node)
{
    for (const auto& repair : node.repairs())
        for (const auto family : all_families)
            for (const auto table : repair::all_tables)
                CHECK_FALSE(repair.adds_chain(canary(family, std::string{to_string(table)})));
}

}  // namespace

TEST_CASE("after a restart of iptables all but the canaries comes from the daemon, and these from kubelet")
{
    BootedNode node;
    node.systemctl({"start", "iptables"});
    node.start_daemon("[kubelet]\nmonitor_interval = \"1s\"\n[repair]\nsettle = \"100ms\"\n");
    node.start_kubelet("--monitor-interval 1 --flush-wait 0.5 --silence /run/kubelet-silent");
    node.await_healthy();
    node.write("/run/kubelet-silent", "");  // kubelet must not write in the middle of the restart
    node.systemctl({"restart", "iptables"});
    node.await_decisions("repair: assist (");
    node.must_run({"rm", "/run/kubelet-silent"});
    node.await_healthy();
    CHECK(node.repairs().size() == 2);
    check_canaries_are_kubelets(node);
    for (const auto family : all_families)
        CHECK(missed_by_kubelet(27, family).empty());
    CHECK(node.read("/run/iptables-failures").empty());
}

TEST_CASE("a hundred restarts of iptables are never disturbed, and what they took comes back")
{
    constexpr int restarts = 100;
    BootedNode node;
    node.start_daemon("[kubelet]\nmonitor_interval = \"10m\"\n[repair]\nsettle = \"20ms\"\n[limits]\nrepairs = 1000\n");
    node.start_kubelet("--monitor-interval 600");
    node.systemctl({"start", "iptables"});
    std::mt19937 random{1};
    std::uniform_int_distribution<int> pause{0, 150};
    const auto begin = std::chrono::steady_clock::now();
    for (int restart = 0; restart < restarts; ++restart) {
        CAPTURE(restart);
        const auto before = node.watch().heard().size();
        node.systemctl({"restart", "iptables"});
        CHECK(repairs_within_restart(node.watch().heard(), before) == 0);
        std::this_thread::sleep_for(std::chrono::milliseconds{pause(random)});
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    node.await_assisted();
    MESSAGE(fmt::format("{} restarts in {:.1f} s, {} repairs", restarts, took.count(), node.repairs().size()));
    CHECK(node.read("/run/iptables-failures").empty());
    check_canaries_are_kubelets(node);
}

}  // namespace chainkeeper::tests
