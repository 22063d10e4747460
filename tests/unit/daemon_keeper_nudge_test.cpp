// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/keeper_node.hpp"

#include <array>
#include <doctest/doctest.h>
#include <optional>
#include <set>
#include <string>

using namespace chainkeeper;
using namespace chainkeeper::tests;
using namespace std::chrono_literals;
using daemon::Keeper;
using daemon::UnitsSeen;
using Decisions = std::vector<std::string>;

namespace {

constexpr auto ipv4 = repair::Family::ipv4;

const std::string firewall = "filter KUBE-FIREWALL";
const std::set<std::string> firewall_and_jumps{firewall, "filter INPUT -j KUBE-FIREWALL",
                                               "filter OUTPUT -j KUBE-FIREWALL"};

Keeper::Settings settings(std::optional<bool> newer_than_profiles)
{
    auto settings = KeeperNode::default_settings();
    settings.policy.repair.strategy = policies::Strategy::nudge;
    settings.newer_than_profiles = newer_than_profiles;
    return settings;
}

// kubelet runs, watches, and does not make KUBE-FIREWALL, which is in its profile.
struct NodeWithoutFirewall : KeeperNode {
    explicit NodeWithoutFirewall(std::optional<bool> newer_than_profiles) : KeeperNode{settings(newer_than_profiles)}
    {
        desired = repair::without(desired, firewall_and_jumps);
        make_chains();
        keeper.hear_units(running_kubelet("one"));
        keeper.hear_init(ipv4, true);
    }
    [[nodiscard]] bool has_firewall() const
    {
        return backend.ruleset().find(ipv4, repair::Table::filter, "KUBE-FIREWALL") != nullptr;
    }
    void be_nudged_and_answer()
    {
        CHECK(run_until(1s) == Decisions{"repair: nudge"});
        hear_own();
        put_canaries_back();
    }
};

}  // namespace

TEST_CASE("keeper: what a kubelet newer than all profiles was nudged to make twice, and does not make, is not guarded")
{
    NodeWithoutFirewall node{true};
    node.be_nudged_and_answer();
    node.be_nudged_and_answer();
    CHECK(node.run_until(2min) == Decisions{"healthy"});
    CHECK(node.keeper.evidence().at(ipv4).left_out == firewall_and_jumps);
    const auto news = node.sink.all<daemon::KubeletNews>();
    CHECK(news.back().what.find("does not make: filter INPUT -j KUBE-FIREWALL; filter KUBE-FIREWALL; ") !=
          std::string::npos);
    SUBCASE("nor made after a flush, and the rest is")
    {
        node.flush_all();
        CHECK(node.run_until(2min) == Decisions{"repair: assist", "repair: monitor_silent"});
        CHECK(node.has_canaries());
        CHECK_FALSE(node.has_firewall());
    }
    SUBCASE("and the next kubelet is met with an open mind")
    {
        node.keeper.hear_units(running_kubelet("two"));
        node.keeper.hear_init(ipv4, true);
        CHECK(node.run_until(1s) == Decisions{"repair: nudge"});
        CHECK(node.keeper.evidence().at(ipv4).left_out.empty());
    }
    SUBCASE("which another daemon knows, too")
    {
        KeeperNode later{settings(true)};
        later.desired = node.desired;
        later.make_chains();
        later.keeper.restore_evidence(node.keeper.evidence());
        later.keeper.hear_units(running_kubelet("one"));
        CHECK(later.run_until(1s) == Decisions{"healthy"});
    }
    SUBCASE("which another policy does not change")
    {
        node.keeper.adopt(settings(true), "the policy was read again");
        CHECK(node.run_until(1s) == Decisions{"healthy"});
        CHECK_FALSE(node.has_firewall());
    }
}

TEST_CASE("keeper: what a kubelet was thought not to make is guarded again when it is there")
{
    NodeWithoutFirewall node{true};
    node.be_nudged_and_answer();
    node.be_nudged_and_answer();
    CHECK(node.run_until(1s) == Decisions{"healthy"});
    node.desired = guarded_since_1_27(ipv4);
    node.make_chains();
    CHECK(node.run_until(1s).empty());
    CHECK(node.keeper.evidence().at(ipv4).left_out.empty());
    CHECK(node.sink.all<daemon::KubeletNews>().back().what.find("makes, after all: filter ") != std::string::npos);
    node.flush_filter();
    CHECK(node.run_until(1s) == Decisions{"repair: nudge"});
}

TEST_CASE("keeper: what is left out is of no use where it is known what kubelet makes")
{
    NodeWithoutFirewall node{true};
    node.be_nudged_and_answer();
    node.be_nudged_and_answer();
    CHECK(node.run_until(1s) == Decisions{"healthy"});
    node.keeper.adopt(settings(std::nullopt), "the version is not known");
    CHECK(node.run_until(1s) == Decisions{"healthy"});
    node.keeper.adopt(settings(false), "there is a profile");
    CHECK(node.run_until(1s) == Decisions{"repair: nudge"});
}

TEST_CASE(
    "keeper: an init that failed for a whole table, kubelet's canary and all, says nothing, and is not waited for")
{
    NodeWithoutFirewall node{true};
    node.flush_filter();
    for (int nudge = 0; nudge < 2; ++nudge) {
        CHECK(node.run_until(1s) == Decisions{"repair: nudge"});
        node.hear_own();
        node.put_canaries_back(std::array{repair::Table::mangle, repair::Table::nat});
    }
    CHECK(node.run_until(1s) == Decisions{"repair: partial_flush"});
    CHECK(node.has_firewall());
    CHECK(node.has_canaries());
    CHECK(node.keeper.evidence().at(ipv4).left_out.empty());
}

TEST_CASE("keeper: a recheck, and what others do with rules of their own, do not end a nudge")
{
    NodeWithoutFirewall node{true};
    CHECK(node.run_until(1s) == Decisions{"repair: nudge"});
    node.hear_own();
    node.keeper.recheck("iptables.service was restarted");
    CHECK(node.run_until(1s) == Decisions{"repair: nudge"});
    CHECK_FALSE(node.has_firewall());
    node.put_canaries_back();
    node.sync_services();
    node.be_nudged_and_answer();
    CHECK(node.run_until(1s) == Decisions{"healthy"});
}

TEST_CASE("keeper: the nudges of one kubelet do not count for the next")
{
    NodeWithoutFirewall node{true};
    node.be_nudged_and_answer();
    CHECK(node.run_until(1s) == Decisions{"repair: nudge"});
    node.hear_own();
    node.keeper.hear_units(running_kubelet("two"));
    node.keeper.hear_init(ipv4, true);
    node.put_canaries_back();
    CHECK(node.run_until(1s) == Decisions{"repair: nudge"});
    CHECK(node.keeper.evidence().at(ipv4).left_out.empty());
}

TEST_CASE("keeper: where it is known what kubelet makes, two nudges in vain are enough, and it is rebuilt")
{
    NodeWithoutFirewall node{false};
    node.be_nudged_and_answer();
    node.be_nudged_and_answer();
    CHECK(node.run_until(2min) == Decisions{"repair: partial_flush"});
    CHECK(node.has_firewall());
    CHECK(node.keeper.evidence().at(ipv4).left_out.empty());
    node.flush_filter();
    CHECK(node.run_until(1s) == Decisions{"repair: nudge"});
}

TEST_CASE("keeper: whoever looks while kubelet is nudged does not rebuild in its place, but after another flush")
{
    NodeWithoutFirewall node{true};
    CHECK(node.run_until(1s) == Decisions{"repair: nudge"});
    node.hear_own();
    node.keeper.look_now();
    CHECK(node.run_until(1s) == Decisions{"repair: nudge"});
    CHECK_FALSE(node.has_firewall());
    SUBCASE("nothing else happens")
    {
        CHECK(node.run_until(2min) == Decisions{"repair: monitor_silent"});
        CHECK(node.has_firewall());
    }
    SUBCASE("all is lost")
    {
        node.flush_all();
        CHECK(node.run_until(1s) == Decisions{"repair: assist"});
    }
}

TEST_CASE("keeper: a nudge that another flush came after says nothing of what kubelet makes")
{
    NodeWithoutFirewall node{true};
    node.be_nudged_and_answer();
    node.flush_filter();
    node.be_nudged_and_answer();
    CHECK(node.run_until(1s) == Decisions{"repair: nudge"});
    CHECK(node.keeper.evidence().at(ipv4).left_out.empty());
}

TEST_CASE("keeper: what one nudge brought back is not left out, whatever the next brings")
{
    NodeWithoutFirewall node{true};
    CHECK(node.run_until(1s) == Decisions{"repair: nudge"});
    node.hear_own();
    node.desired = guarded_since_1_27(ipv4);
    node.make_chains();
    CHECK(node.run_until(1s) == Decisions{"healthy"});
    node.flush_filter();
    node.be_nudged_and_answer();
    CHECK(node.run_until(1s) == Decisions{"repair: nudge"});
    CHECK(node.keeper.evidence().at(ipv4).left_out.empty());
}
