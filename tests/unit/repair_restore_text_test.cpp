// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/restore_text.hpp"

#include "repair/diagnose.hpp"
#include "tests/support/kubelet.hpp"
#include "tests/support/snapshots.hpp"

#include <doctest/doctest.h>
#include <string>

namespace chainkeeper::repair {

namespace {

using namespace tests;

constexpr Scope everything{.canaries = true, .rewrite_damage = true};

std::string text_for(const DesiredState& desired, const Snapshot& snapshot)
{
    return restore_text(make_plan(desired, diagnose(desired, snapshot), everything));
}

Rule drop(std::string comment)
{
    return {.source = {},
            .destination = {},
            .matches = {CommentMatch{.text = std::move(comment)}},
            .target = Verdict::drop};
}

}  // namespace

TEST_CASE("an empty plan is no text")
{
    const auto desired = guarded_since_1_27(Family::ipv4);
    CHECK(text_for(desired, snapshot_of(desired)).empty());
}

TEST_CASE("a nudge deletes the chain")
{
    const auto desired = guarded_since_1_27(Family::ipv4);
    const auto plan = make_plan(desired, diagnose(desired, snapshot_of(desired)), {.nudge = true});
    CHECK(restore_text(plan) == "*mangle\n-X KUBE-KUBELET-CANARY\nCOMMIT\n");
}

TEST_CASE("after a whole flush of IPv4")
{
    const auto desired = guarded_since_1_27(Family::ipv4);
    CHECK(text_for(desired, {.family = Family::ipv4, .generation = 1, .tables = {}, .chains = {}}) == R"(*nat
-N KUBE-KUBELET-CANARY
COMMIT
*filter
-N KUBE-FIREWALL
-N KUBE-KUBELET-CANARY
-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
-I OUTPUT -j KUBE-FIREWALL
-I INPUT -j KUBE-FIREWALL
COMMIT
*mangle
-N KUBE-IPTABLES-HINT
-N KUBE-KUBELET-CANARY
COMMIT
)");
}

TEST_CASE("after a whole flush of IPv6, of the oldest kubelet")
{
    const auto desired = guarded_in_1_24(Family::ipv6);
    CHECK(text_for(desired, {.family = Family::ipv6, .generation = 1, .tables = {}, .chains = {}}) == R"(*nat
-N KUBE-MARK-DROP
-N KUBE-MARK-MASQ
-N KUBE-POSTROUTING
-N KUBE-KUBELET-CANARY
-A KUBE-MARK-DROP -j MARK --set-xmark 0x8000/0x8000
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
-I POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
COMMIT
*filter
-N KUBE-FIREWALL
-N KUBE-KUBELET-CANARY
-A KUBE-FIREWALL -m comment --comment "kubernetes firewall for dropping marked packets" -m mark --mark 0x8000/0x8000 -j DROP
-I OUTPUT -j KUBE-FIREWALL
-I INPUT -j KUBE-FIREWALL
COMMIT
*mangle
-N KUBE-IPTABLES-HINT
-N KUBE-KUBELET-CANARY
COMMIT
)");
}

TEST_CASE("a table that needs nothing is not opened")
{
    const auto desired = guarded_since_1_27(Family::ipv4);
    auto snapshot = snapshot_of(desired);
    chain_in(snapshot, Table::filter, "INPUT").rules.clear();
    CHECK(text_for(desired, snapshot) == "*filter\n-I INPUT -j KUBE-FIREWALL\nCOMMIT\n");
}

TEST_CASE("rules that belong before others have the number that counts when their line is read")
{
    const auto desired = guarded_in_1_24(Family::ipv4);
    auto snapshot = snapshot_of(desired);
    auto& rules = chain_in(snapshot, Table::nat, "KUBE-POSTROUTING").rules;
    rules = {observed(drop("one"), 1), rules[2], observed(drop("two"), 2)};
    CHECK(text_for(desired, snapshot) == R"(*nat
-D KUBE-POSTROUTING -m comment --comment one -j DROP
-D KUBE-POSTROUTING -m comment --comment two -j DROP
-I KUBE-POSTROUTING 1 -m mark ! --mark 0x4000/0x4000 -j RETURN
-I KUBE-POSTROUTING 2 -j MARK --set-xmark 0x4000/0x0
COMMIT
)");
}

TEST_CASE("what stands behind a rule does not move its number")
{
    const auto desired = guarded_in_1_24(Family::ipv4);
    auto snapshot = snapshot_of(desired);
    auto& rules = chain_in(snapshot, Table::nat, "KUBE-POSTROUTING").rules;
    const auto unreadable = ObservedRule{.handle = 5, .rule = std::nullopt, .expressions = "lookup"};
    rules = {unreadable, rules[0], rules[2], observed(drop("behind"), 2)};
    CHECK(text_for(desired, snapshot) == R"(*nat
-D KUBE-POSTROUTING -m comment --comment behind -j DROP
-I KUBE-POSTROUTING 3 -j MARK --set-xmark 0x4000/0x0
COMMIT
)");
}

TEST_CASE("the numbers of one chain do not move those of another")
{
    const auto desired = guarded_in_1_24(Family::ipv4);
    Plan plan{.family = Family::ipv4, .generation = 1, .steps = {}};
    for (const auto* const chain : {"KUBE-MARK-DROP", "KUBE-MARK-MASQ"})
        for (int twice = 0; twice < 2; ++twice)
            plan.steps.emplace_back(
                AddRule{Table::nat, chain, mark_masq_rule(), RulePosition{.handle = 9, .number = 4}});
    CHECK(restore_text(plan) == R"(*nat
-I KUBE-MARK-DROP 4 -j MARK --set-xmark 0x4000/0x4000
-I KUBE-MARK-DROP 5 -j MARK --set-xmark 0x4000/0x4000
-I KUBE-MARK-MASQ 4 -j MARK --set-xmark 0x4000/0x4000
-I KUBE-MARK-MASQ 5 -j MARK --set-xmark 0x4000/0x4000
COMMIT
)");
}

TEST_CASE("no line declares a chain, which would flush it")
{
    for (const auto family : all_families)
        for (const auto& desired : {guarded_since_1_27(family), guarded_in_1_24(family)}) {
            const auto text = text_for(desired, {.family = family, .generation = 1, .tables = {}, .chains = {}});
            CHECK_FALSE(text.empty());
            CHECK(text.find("\n:") == std::string::npos);
            CHECK(text.rfind("*mangle") > text.rfind("*filter"));
            CHECK(text.rfind("*mangle") > text.rfind("*nat"));
        }
}

TEST_CASE("a comment cannot begin a line of its own")
{
    const auto desired = guarded_since_1_27(Family::ipv4);
    auto snapshot = snapshot_of(desired);
    chain_in(snapshot, Table::filter, "KUBE-FIREWALL").rules.push_back(observed(drop("x\nCOMMIT\n*raw\n\"-F"), 5));
    CHECK(text_for(desired, snapshot) ==
          "*filter\n-D KUBE-FIREWALL -m comment --comment \"x?COMMIT?*raw?\\\"-F\" -j DROP\nCOMMIT\n");
}

}  // namespace chainkeeper::repair
