// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/conntrack_check.hpp"
#include "daemon/doctor/forwarding_check.hpp"
#include "daemon/doctor/kernel_number.hpp"
#include "tests/unit/doctor_root.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <thread>
#include <utility>
#include <vector>

// The checks of what the kernel says in /proc, on files written as the kernel writes them.

using namespace chainkeeper::daemon::doctor;
using chainkeeper::tests::DoctorRoot;
using chainkeeper::tests::says;

namespace {

const ConntrackCheck conntrack;
const ForwardingCheck forwarding;
const GuardSeen guarded = true;
const GuardSeen unguarded = false;

const std::string header =
    "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  "
    "expect_new expect_create expect_delete search_restart\n";

// A line for a processor: only what has failed and what was dropped.
std::string processor(unsigned insert_failed, unsigned drop, unsigned early_drop = 0)
{
    return fmt::format(
        "00000010  00000001 00000002 00000000 00000003 00000000 00000000 00000004 00000000 {:08x} {:08x} "
        "{:08x} 00000000  00000000 00000000 00000000 00000000\n",
        insert_failed, drop, early_drop);
}

void fill(const DoctorRoot& node, unsigned count, unsigned limit)
{
    node.write("proc/sys/net/netfilter/nf_conntrack_count", fmt::format("{}\n", count));
    node.write("proc/sys/net/netfilter/nf_conntrack_max", fmt::format("{}\n", limit));
    node.write("proc/net/stat/nf_conntrack", header + processor(0, 0) + processor(0, 0));
}

// While the check watches, the statistics go from one to the other.
Judgement lose_meanwhile(const DoctorRoot& node, const std::string& before, const std::string& after)
{
    node.write("proc/net/stat/nf_conntrack", header + before);
    std::thread kernel{[&] {
        std::this_thread::sleep_for(loss_watch / 5);
        node.write("proc/net/stat/nf_conntrack", header + after);
    }};
    auto judgement = node.examine(conntrack);
    kernel.join();
    return judgement;
}

// ctnetlink that says one thing after the other, the last for good.
class SaidLosses final : public LossCounters {
public:
    explicit SaidLosses(std::vector<LossesSeen> seen) : seen_{std::move(seen)} {}
    [[nodiscard]] LossesSeen read() const override { return seen_[std::min(asked_++, seen_.size() - 1)]; }
    [[nodiscard]] std::size_t asked() const { return asked_; }

private:
    std::vector<LossesSeen> seen_;
    mutable std::size_t asked_ = 0;
};

LossesSeen told(const ConntrackLosses& losses)
{
    return LossesTold{.losses = losses};
}

// As the node's own root, of a kernel that runs.
Judgement examine_own(const DoctorRoot& node, const LossCounters& counters)
{
    const auto root = node.open();
    const NoLocalnetGuard guard;
    const KernelRulesets rulesets;
    return conntrack.examine({.root = root,
                              .localnet_guard = guard,
                              .rulesets = rulesets,
                              .running_kernel = "6.8.0-1009-aws",
                              .loss_counters = counters});
}

void set(const DoctorRoot& node, const std::string& name, unsigned value)
{
    node.write("proc/sys/net/" + name, fmt::format("{}\n", value));
}

// A node as kube-proxy and a bridge plugin leave it.
void make_well(const DoctorRoot& node)
{
    set(node, "ipv4/ip_forward", 1);
    set(node, "bridge/bridge-nf-call-iptables", 1);
    for (const auto* const interface : {"all", "default", "eth0", "lo"})
        for (const auto* const setting : {"rp_filter", "route_localnet"})
            set(node, fmt::format("ipv4/conf/{}/{}", interface, setting), 0);
}

}  // namespace

TEST_CASE("doctor: numbers of the kernel")
{
    CHECK(number_of("12\n") == 12);
    CHECK(number_of(" \t7 ") == 7);
    CHECK(number_of("0000001f", 16) == 31);
    for (const auto* const text : {"", "\n", "-1", "1 2", "0x1f", "12z", "99999999999999999999999"})
        CHECK_FALSE(number_of(text).has_value());
}

TEST_CASE("doctor conntrack: no file, no verdict")
{
    const DoctorRoot node;
    CHECK(node.examine(conntrack).verdict == Verdict::not_applicable);
}

TEST_CASE("doctor conntrack: how full the table is")
{
    const DoctorRoot node;
    fill(node, 75, 100);
    CHECK(node.examine(conntrack).verdict == Verdict::ok);
    CHECK(says(node.examine(conntrack), "75 of 100 connections (75.0 %)"));
    CHECK(node.examine(conntrack).next_step.empty());
    fill(node, 76, 100);
    CHECK(node.examine(conntrack).verdict == Verdict::warning);
    CHECK(says(node.examine(conntrack), "Raise net.netfilter.nf_conntrack_max"));
    fill(node, 95, 100);
    CHECK(node.examine(conntrack).verdict == Verdict::warning);
    fill(node, 951, 1000);
    CHECK(node.examine(conntrack).verdict == Verdict::critical);
    fill(node, 951, 4000);
    CHECK(node.examine(conntrack).verdict == Verdict::ok);
    fill(node, 951, 0);
    CHECK(node.examine(conntrack).verdict == Verdict::ok);
    CHECK(says(node.examine(conntrack), "without a limit"));
}

TEST_CASE("doctor conntrack: the policy says what to warn of")
{
    const DoctorRoot node;
    fill(node, 60, 100);
    CHECK(node.examine(conntrack).verdict == Verdict::ok);
    CHECK(node.examine(conntrack, guarded, {.conntrack_percent = 59}).verdict == Verdict::warning);
    CHECK(node.examine(conntrack, guarded, {.conntrack_percent = 60}).verdict == Verdict::ok);
    fill(node, 96, 100);
    CHECK(node.examine(conntrack, guarded, {.conntrack_percent = 1}).verdict == Verdict::critical);
}

TEST_CASE("doctor conntrack: what was lost is the sum of all processors, in hexadecimal")
{
    const DoctorRoot node;
    fill(node, 1, 100);
    const auto losses = [&](const std::string& statistics) {
        node.write("proc/net/stat/nf_conntrack", statistics);
        return node.examine(conntrack);
    };
    auto judgement = losses(header + processor(0x1f, 0) + processor(1, 0));
    CHECK(judgement.verdict == Verdict::ok);
    CHECK(judgement.next_step.empty());
    CHECK(says(judgement, "insert_failed = 32, and does not grow"));
    CHECK(says(judgement, "drop = 0, and does not grow"));
    judgement = losses(header + processor(0, 0) + processor(0, 0xa));
    CHECK(says(judgement, "drop = 10, and does not grow"));
    // The columns are found by their names: a kernel may have others.
    judgement = losses("entries  early_drop drop insert_failed\n00000001  00000003 00000000 00000002\n");
    CHECK(says(judgement, "insert_failed = 2, "));
    CHECK(says(judgement, "early_drop = 3, "));
    CHECK(losses(header).verdict == Verdict::ok);
    for (const auto* const broken : {"", "entries\n00000001\n", "insert_failed drop\n0 0\n",
                                     "insert_failed drop early_drop\nzz zz zz\n", "insert_failed drop early_drop\n0\n"})
        CHECK(losses(broken).verdict == Verdict::unknown);
}

TEST_CASE(
    "doctor conntrack: packets that are lost while it looks are a warning, in a full table beside what is critical")
{
    const DoctorRoot node;
    fill(node, 1, 100);
    const auto judgement = lose_meanwhile(node, processor(0, 5), processor(0, 7));
    CHECK(judgement.verdict == Verdict::warning);
    CHECK(says(judgement, "drop grows: 2 more within 500 ms, 7 since the start"));
    CHECK(judgement.next_step.starts_with("See whether the table is full"));
    CHECK(node.examine(conntrack).verdict == Verdict::ok);
    const auto evicted = lose_meanwhile(node, processor(0, 0, 1), processor(0, 0, 2));
    CHECK(evicted.verdict == Verdict::warning);
    CHECK(says(evicted, "early_drop grows: 1 more within 500 ms, 2 since the start"));

    fill(node, 100, 100);
    const auto full = lose_meanwhile(node, processor(0, 5), processor(0, 7));
    CHECK(full.verdict == Verdict::critical);
    CHECK(says(full, "100 of 100"));
    CHECK(says(full, "drop grows"));
    CHECK(full.next_step.starts_with("Raise"));
}

TEST_CASE("doctor conntrack: a lookup that loses a race now and then is no warning, several at once are")
{
    const DoctorRoot node;
    fill(node, 1, 100);
    // The kernel counts each as a drop besides.
    const auto few = lose_meanwhile(node, processor(7, 7) + processor(1, 2), processor(9, 9) + processor(3, 4));
    CHECK(few.verdict == Verdict::ok);
    CHECK(few.next_step.empty());
    CHECK(says(few, "insert_failed grows: 4 more within 500 ms, 12 since the start; so few are usual"));
    const auto several = lose_meanwhile(node, processor(7, 0) + processor(1, 0), processor(9, 0) + processor(4, 0));
    CHECK(several.verdict == Verdict::warning);
    CHECK(says(several, "insert_failed grows: 5 more within 500 ms, 13 since the start"));
    CHECK(several.next_step.starts_with("See whose packets race"));
    const auto both = lose_meanwhile(node, processor(7, 7), processor(8, 9));
    CHECK(both.verdict == Verdict::warning);
    CHECK(says(both, "drop grows: 1 more within 500 ms"));
}

TEST_CASE("doctor conntrack: where the kernel has no file, ctnetlink is asked, and nobody where there is one")
{
    const DoctorRoot node;
    fill(node, 1, 100);
    const SaidLosses grows{{told({.drop = 1}), told({.insert_failed = 4, .drop = 6})}};
    CHECK(examine_own(node, grows).verdict == Verdict::ok);
    CHECK(grows.asked() == 0);
    node.remove("proc/net/stat/nf_conntrack");
    const auto judgement = examine_own(node, grows);
    CHECK(judgement.verdict == Verdict::warning);
    CHECK(grows.asked() == 2);
    CHECK(says(judgement, "drop grows: 1 more within 500 ms, 2 since the start"));
    CHECK(says(judgement, "insert_failed grows: 4 more within 500 ms, 4 since the start; so few are usual"));
    CHECK(examine_own(node, SaidLosses{{told({.insert_failed = 3})}}).verdict == Verdict::ok);
    CHECK(says(examine_own(node, SaidLosses{{told({.insert_failed = 3})}}), "insert_failed = 3, and does not grow"));
    // The counters of a kernel that goes back are not taken for a growth.
    CHECK(examine_own(node, SaidLosses{{told({.drop = 9}), told({.drop = 1})}}).verdict == Verdict::ok);
}

TEST_CASE("doctor conntrack: a kernel that does not tell of losses is told of, and how full the table is counts")
{
    const DoctorRoot node;
    fill(node, 1, 100);
    node.remove("proc/net/stat/nf_conntrack");
    const SaidLosses untold{{LossesTold{.losses = std::nullopt, .untold = "ctnetlink: Invalid argument"}}};
    const auto judgement = examine_own(node, untold);
    CHECK(judgement.verdict == Verdict::ok);
    CHECK(says(judgement, "the kernel does not tell how many connections were lost: there is no "
                          "/proc/net/stat/nf_conntrack; ctnetlink: Invalid argument"));
    set(node, "netfilter/nf_conntrack_count", 96);
    CHECK(examine_own(node, untold).verdict == Verdict::critical);
    set(node, "netfilter/nf_conntrack_count", 1);
    const SaidLosses trouble{{tl::unexpected(std::string{"ctnetlink: it is cut short"})}};
    CHECK(examine_own(node, trouble).verdict == Verdict::unknown);
    // Asking would load it.
    const SaidLosses never{{told({})}};
    node.write("lib/modules/6.8.0-1009-aws/modules.dep", "kernel/net/netfilter/nf_conntrack_netlink.ko.zst:\n");
    node.write("lib/modules/6.8.0-1009-aws/kernel/net/netfilter/nf_conntrack_netlink.ko.zst", "");
    CHECK(says(examine_own(node, never), "nf_conntrack_netlink is not loaded"));
    CHECK(never.asked() == 0);
    node.write("sys/module/nf_conntrack_netlink/refcnt", "0");
    CHECK(says(examine_own(node, never), "drop = 0, and does not grow"));
    CHECK(never.asked() == 2);
}

TEST_CASE("doctor conntrack: the kernel of this machine is not asked about an image")
{
    const DoctorRoot node;
    fill(node, 1, 100);
    node.remove("proc/net/stat/nf_conntrack");
    CHECK(node.examine(conntrack).verdict == Verdict::ok);
    CHECK(says(node.examine(conntrack), "the kernel is not that of another root"));
}

TEST_CASE("doctor conntrack: what is no number is unknown")
{
    const DoctorRoot node;
    fill(node, 1, 100);
    node.write("proc/sys/net/netfilter/nf_conntrack_max", "many\n");
    CHECK(node.examine(conntrack).verdict == Verdict::unknown);
    CHECK(says(node.examine(conntrack), "nf_conntrack_max: holds no number"));
    node.remove("proc/sys/net/netfilter/nf_conntrack_count");
    CHECK(node.examine(conntrack).verdict == Verdict::unknown);
}

TEST_CASE("doctor forwarding: a node that routes is well, and an image has nothing to say")
{
    const DoctorRoot node;
    CHECK(node.examine(forwarding).verdict == Verdict::not_applicable);
    make_well(node);
    const auto judgement = node.examine(forwarding, unguarded);
    CHECK(judgement.verdict == Verdict::ok);
    CHECK(judgement.next_step.empty());
    CHECK(says(judgement, "route_localnet is off"));
}

TEST_CASE("doctor forwarding: without ip_forward it is critical")
{
    const DoctorRoot node;
    make_well(node);
    set(node, "ipv4/ip_forward", 0);
    CHECK(node.examine(forwarding).verdict == Verdict::critical);
    CHECK(says(node.examine(forwarding), "Set net.ipv4.ip_forward = 1"));
    set(node, "ipv4/ip_forward", 1);
    CHECK(node.examine(forwarding).verdict == Verdict::ok);
    node.write("proc/sys/net/ipv4/ip_forward", "yes");
    CHECK(node.examine(forwarding).verdict == Verdict::unknown);
}

TEST_CASE("doctor forwarding: a bridge that iptables does not see is a warning")
{
    const DoctorRoot node;
    make_well(node);
    set(node, "bridge/bridge-nf-call-iptables", 0);
    CHECK(node.examine(forwarding).verdict == Verdict::warning);
    CHECK(says(node.examine(forwarding), "set net.bridge.bridge-nf-call-iptables = 1"));
    node.remove("proc/sys/net/bridge");
    node.write("sys/class/net/eth0/mtu", "1500");
    CHECK(node.examine(forwarding).verdict == Verdict::ok);
    CHECK(says(node.examine(forwarding), "br_netfilter is not loaded, and there is no bridge"));
    node.write("sys/devices/virtual/net/cni0/bridge/stp_state", "0");
    node.link("sys/class/net/cni0", "../../devices/virtual/net/cni0");
    CHECK(node.examine(forwarding).verdict == Verdict::warning);
    CHECK(says(node.examine(forwarding), "modprobe br_netfilter"));
    set(node, "bridge/bridge-nf-call-iptables", 1);
    CHECK(node.examine(forwarding).verdict == Verdict::ok);
}

TEST_CASE("doctor forwarding: strict rp_filter is noted, and no fault")
{
    const DoctorRoot node;
    make_well(node);
    set(node, "ipv4/conf/eth0/rp_filter", 1);
    set(node, "ipv4/conf/lo/rp_filter", 2);
    CHECK(node.examine(forwarding).verdict == Verdict::ok);
    CHECK(says(node.examine(forwarding), "net.ipv4.conf.*.rp_filter = 1 (eth0), strict"));
}

TEST_CASE("doctor forwarding: route_localnet of any interface wants KUBE-FIREWALL")
{
    const DoctorRoot node;
    make_well(node);
    for (const auto* const interface : {"all", "eth0", "default"}) {
        const auto setting = fmt::format("ipv4/conf/{}/route_localnet", interface);
        set(node, setting, 1);
        auto judgement = node.examine(forwarding, unguarded);
        CHECK(judgement.verdict == Verdict::critical);
        CHECK(says(judgement, fmt::format("route_localnet = 1 ({})", interface)));
        CHECK(says(judgement, "CVE-2020-8558"));
        CHECK(node.examine(forwarding, guarded).verdict == Verdict::ok);
        judgement = node.examine(forwarding, tl::unexpected(std::string{"no rights"}));
        CHECK(judgement.verdict == Verdict::unknown);
        CHECK(says(judgement, "no rights"));
        set(node, setting, 0);
        CHECK(node.examine(forwarding, unguarded).verdict == Verdict::ok);
    }
    for (int index = 0; index < 7; ++index)
        set(node, fmt::format("ipv4/conf/eth{}/route_localnet", index), 1);
    CHECK(says(node.examine(forwarding, unguarded), "(eth0, eth1, eth2, eth3, eth4 and 2 more)"));
}
