// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/plan.hpp"

#include "repair/diagnose.hpp"
#include "tests/support/kubelet.hpp"
#include "tests/support/snapshots.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <vector>

namespace chainkeeper::repair {

namespace {

using namespace tests;

constexpr Scope with_canaries{.canaries = true, .rewrite_damage = false};
constexpr Scope without_canaries{.canaries = false, .rewrite_damage = false};

Plan plan_for(const DesiredState& desired, const Snapshot& snapshot, Scope scope)
{
    return make_plan(desired, diagnose(desired, snapshot), scope);
}

Snapshot nothing_there(Family family)
{
    return {.family = family, .generation = 7, .tables = {}, .chains = {}};
}

std::vector<std::string> words_of(const Plan& plan)
{
    std::vector<std::string> words;
    for (const auto& step : plan.steps)
        words.push_back(describe(plan.family, step));
    return words;
}

using Words = std::vector<std::string>;

template <typename Kind>
std::size_t count(const Plan& plan)
{
    return static_cast<std::size_t>(
        std::ranges::count_if(plan.steps, [](const Step& step) { return std::holds_alternative<Kind>(step); }));
}

bool mentions_canary(const Plan& plan)
{
    return std::ranges::any_of(plan.steps, [](const Step& step) { return chain_of(step) == kubelet_canary; });
}

}  // namespace

TEST_CASE("nothing wrong is nothing to do")
{
    for (const auto family : all_families)
        for (const auto& desired : {guarded_since_1_27(family), guarded_in_1_24(family)}) {
            const auto plan = plan_for(desired, snapshot_of(desired), {.canaries = true, .rewrite_damage = true});
            CHECK(plan.empty());
            CHECK(plan.family == family);
            CHECK(plan.generation == 7);
        }
}

TEST_CASE("after a whole flush: tables, base chains, chains with the mangle canary last, rules, jumps")
{
    const auto desired = guarded_since_1_27(Family::ipv4);
    const auto localnet = to_string(Family::ipv4, localnet_rule());
    CHECK(words_of(plan_for(desired, nothing_there(Family::ipv4), with_canaries)) ==
          Words{"create table mangle", "create table nat", "create table filter", "create base chain filter OUTPUT",
                "create base chain filter INPUT", "create chain mangle KUBE-IPTABLES-HINT",
                "create chain filter KUBE-FIREWALL", "create chain filter KUBE-KUBELET-CANARY",
                "create chain nat KUBE-KUBELET-CANARY", "create chain mangle KUBE-KUBELET-CANARY",
                "add to filter KUBE-FIREWALL: " + localnet, "insert into filter OUTPUT: -j KUBE-FIREWALL",
                "insert into filter INPUT: -j KUBE-FIREWALL"});
}

TEST_CASE("without canaries there is no canary, and no table that only a canary needs")
{
    const auto plan = plan_for(guarded_since_1_27(Family::ipv4), nothing_there(Family::ipv4), without_canaries);
    CHECK_FALSE(mentions_canary(plan));
    CHECK(count<CreateTable>(plan) == 2);
    CHECK(std::ranges::none_of(plan.steps, [](const Step& step) { return table_of(step) == Table::nat; }));

    const auto ipv6 = plan_for(guarded_since_1_27(Family::ipv6), nothing_there(Family::ipv6), without_canaries);
    CHECK(words_of(ipv6) == Words{"create table mangle", "create chain mangle KUBE-IPTABLES-HINT"});
}

TEST_CASE("the mangle canary is the last chain created, wherever the profile names it")
{
    auto desired = guarded_in_1_24(Family::ipv4);
    std::ranges::reverse(desired.chains);
    const auto plan = plan_for(desired, nothing_there(Family::ipv4), with_canaries);
    const auto last = std::find_if(plan.steps.rbegin(), plan.steps.rend(),
                                   [](const Step& step) { return std::holds_alternative<CreateChain>(step); });
    REQUIRE(last != plan.steps.rend());
    CHECK(*last == Step{CreateChain{Table::mangle, std::string{kubelet_canary}}});
    CHECK(count<CreateChain>(plan) == desired.chains.size());
}

TEST_CASE("only a canary missing: that one, if the scope has canaries")
{
    const auto desired = guarded_since_1_27(Family::ipv4);
    auto snapshot = snapshot_of(desired);
    remove_chain(snapshot, Table::mangle, kubelet_canary);
    CHECK(plan_for(desired, snapshot, without_canaries).empty());
    CHECK(words_of(plan_for(desired, snapshot, with_canaries)) == Words{"create chain mangle KUBE-KUBELET-CANARY"});

    remove_table(snapshot, Table::nat);
    CHECK(plan_for(desired, snapshot, without_canaries).empty());
    CHECK(words_of(plan_for(desired, snapshot, with_canaries)) ==
          Words{"create table nat", "create chain nat KUBE-KUBELET-CANARY", "create chain mangle KUBE-KUBELET-CANARY"});
}

TEST_CASE("a base chain is made only for a jump that is missing from it")
{
    const auto desired = guarded_since_1_27(Family::ipv4);
    auto snapshot = snapshot_of(desired);
    remove_chain(snapshot, Table::filter, "INPUT");
    CHECK(words_of(plan_for(desired, snapshot, with_canaries)) ==
          Words{"create base chain filter INPUT", "insert into filter INPUT: -j KUBE-FIREWALL"});

    const auto ipv6 = plan_for(guarded_since_1_27(Family::ipv6), nothing_there(Family::ipv6), with_canaries);
    CHECK(count<CreateTable>(ipv6) == 3);
    CHECK(count<CreateBaseChain>(ipv6) == 0);
}

TEST_CASE("an emptied chain is filled in kubelet's order, a missing rule goes where it belongs")
{
    const auto desired = guarded_in_1_24(Family::ipv4);
    auto snapshot = snapshot_of(desired);
    auto& rules = chain_in(snapshot, Table::nat, "KUBE-POSTROUTING").rules;
    const auto whole = rules;
    const auto text = [](const Rule& rule) { return "add to nat KUBE-POSTROUTING: " + to_string(Family::ipv4, rule); };

    rules.clear();
    const auto filled = plan_for(desired, snapshot, without_canaries);
    CHECK(words_of(filled) == Words{text(unmarked_return_rule()), text(clear_mark_rule()), text(masquerade_rule())});

    rules = {whole[1]};
    const auto plan = plan_for(desired, snapshot, without_canaries);
    REQUIRE(plan.steps.size() == 2);
    CHECK(plan.steps[0] == Step{AddRule{Table::nat, "KUBE-POSTROUTING", unmarked_return_rule(),
                                        RulePosition{.handle = 20, .number = 1}}});
    CHECK(plan.steps[1] == Step{AddRule{Table::nat, "KUBE-POSTROUTING", masquerade_rule(), std::nullopt}});
}

TEST_CASE("damage is taken away only where the scope says so, and before the rest is added")
{
    const auto desired = guarded_since_1_27(Family::ipv4);
    auto snapshot = snapshot_of(desired);
    const Rule drop{.source = {}, .destination = {}, .matches = {}, .target = Verdict::drop};
    chain_in(snapshot, Table::filter, "KUBE-FIREWALL").rules = {observed(drop, 5)};
    CHECK(count<DeleteRule>(plan_for(desired, snapshot, with_canaries)) == 0);

    const auto plan = plan_for(desired, snapshot, {.canaries = false, .rewrite_damage = true});
    REQUIRE(plan.steps.size() == 2);
    CHECK(plan.steps[0] ==
          Step{DeleteRule{Table::filter, "KUBE-FIREWALL", RulePosition{.handle = 5, .number = 1}, drop}});
    CHECK(plan.steps[1] == Step{AddRule{Table::filter, "KUBE-FIREWALL", localnet_rule(), std::nullopt}});
}

TEST_CASE("strangers and duplicates stay where they are")
{
    const auto desired = guarded_since_1_27(Family::ipv4);
    auto snapshot = snapshot_of(desired);
    auto& firewall = chain_in(snapshot, Table::filter, "KUBE-FIREWALL").rules;
    firewall.push_back(observed(localnet_rule(), 70));
    firewall.push_back({.handle = 80, .dialect = Dialect::native, .rule = localnet_rule(), .expressions = "ct"});
    firewall.push_back({.handle = 90, .dialect = Dialect::iptables, .rule = std::nullopt, .expressions = "lookup"});
    auto& input = chain_in(snapshot, Table::filter, "INPUT").rules;
    input.push_back(observed(firewall_jump(), 60));
    CHECK(diagnose(desired, snapshot).findings.size() == 4);
    CHECK(plan_for(desired, snapshot, {.canaries = true, .rewrite_damage = true}).empty());
}

TEST_CASE("a plan names nothing outside the guarded set")
{
    for (const auto family : all_families) {
        const auto desired = guarded_in_1_24(family);
        for (const auto& step : plan_for(desired, nothing_there(family), with_canaries).steps) {
            const auto is_chain =
                std::ranges::any_of(desired.chains, [&](const auto& chain) { return chain.name == chain_of(step); });
            const auto is_base =
                std::ranges::any_of(desired.jumps, [&](const auto& jump) { return jump.base_chain == chain_of(step); });
            CHECK((is_chain || is_base || std::holds_alternative<CreateTable>(step)));
        }
    }
}

TEST_CASE("the parts of a plan are its steps, each in its table and in their order")
{
    const auto desired = guarded_in_1_24(Family::ipv4);
    const auto plan = make_plan(desired, diagnose(desired, nothing_there(Family::ipv4)), {.canaries = true});
    std::size_t steps = 0;
    for (const auto table : all_tables) {
        const auto part = part_of(plan, table);
        CHECK(part.family == plan.family);
        CHECK(part.generation == plan.generation);
        auto next = plan.steps.begin();
        for (const auto& step : part.steps) {
            CHECK(table_of(step) == table);
            next = std::find(next, plan.steps.end(), step);
            REQUIRE(next != plan.steps.end());
        }
        steps += part.steps.size();
    }
    CHECK(steps == plan.steps.size());
}

TEST_CASE("a plan is fulfilled when nothing of what it was to mend is found again")
{
    const auto desired = guarded_in_1_24(Family::ipv4);
    const auto everything = plan_for(desired, nothing_there(Family::ipv4), with_canaries);
    const auto assist = plan_for(desired, nothing_there(Family::ipv4), without_canaries);
    auto snapshot = snapshot_of(desired);
    const auto after = [&] { return diagnose(desired, snapshot); };

    CHECK(fulfilled(everything, after()));
    CHECK_FALSE(fulfilled(everything, diagnose(desired, nothing_there(Family::ipv4))));

    remove_chain(snapshot, Table::mangle, kubelet_canary);
    CHECK_FALSE(fulfilled(everything, after()));
    CHECK(fulfilled(assist, after()));
}

TEST_CASE("each kind of step is unfulfilled while its finding is there")
{
    const auto desired = guarded_in_1_24(Family::ipv4);
    const auto plan = plan_for(desired, nothing_there(Family::ipv4), with_canaries);
    const auto spoilt = [&](const auto& spoil) {
        auto snapshot = snapshot_of(desired);
        spoil(snapshot);
        return fulfilled(plan, diagnose(desired, snapshot));
    };
    CHECK(spoilt([](Snapshot&) {}));
    CHECK_FALSE(spoilt([](Snapshot& snapshot) { remove_table(snapshot, Table::nat); }));
    CHECK_FALSE(spoilt([](Snapshot& snapshot) { remove_chain(snapshot, Table::filter, "INPUT"); }));
    CHECK_FALSE(spoilt([](Snapshot& snapshot) { remove_chain(snapshot, Table::nat, "KUBE-MARK-DROP"); }));
    CHECK_FALSE(spoilt([](Snapshot& snapshot) { chain_in(snapshot, Table::nat, "KUBE-MARK-DROP").rules.clear(); }));
    CHECK_FALSE(
        spoilt([](Snapshot& snapshot) { chain_in(snapshot, Table::nat, "KUBE-POSTROUTING").rules.pop_back(); }));
    CHECK_FALSE(spoilt([](Snapshot& snapshot) { chain_in(snapshot, Table::filter, "OUTPUT").rules.clear(); }));
}

TEST_CASE("a deletion is fulfilled when that rule is gone, though another one damages the chain")
{
    const auto desired = guarded_since_1_27(Family::ipv4);
    auto snapshot = snapshot_of(desired);
    const Rule drop{.source = {}, .destination = {}, .matches = {}, .target = Verdict::drop};
    auto& rules = chain_in(snapshot, Table::filter, "KUBE-FIREWALL").rules;
    rules.push_back(observed(drop, 55));
    const auto plan = plan_for(desired, snapshot, {.canaries = false, .rewrite_damage = true});
    CHECK_FALSE(fulfilled(plan, diagnose(desired, snapshot)));
    rules.back().handle = 56;
    CHECK(fulfilled(plan, diagnose(desired, snapshot)));
}

TEST_CASE("a nudge deletes the mangle canary and does nothing else, whatever is wrong")
{
    for (const auto family : all_families) {
        const auto desired = guarded_in_1_24(family);
        auto snapshot = snapshot_of(desired);
        chain_in(snapshot, Table::filter, "KUBE-FIREWALL").rules.clear();
        remove_chain(snapshot, Table::nat, kubelet_canary);
        const auto plan = plan_for(desired, snapshot, {.canaries = true, .rewrite_damage = true, .nudge = true});
        CHECK(words_of(plan) == Words{"delete chain mangle KUBE-KUBELET-CANARY"});
        CHECK(plan.family == family);
        CHECK(plan.generation == 7);
        CHECK(table_of(plan.steps[0]) == Table::mangle);
        CHECK(chain_of(plan.steps[0]) == kubelet_canary);
    }
}

TEST_CASE("where there is no empty mangle canary that kubelet made, there is nothing to nudge with")
{
    constexpr Scope nudge{.nudge = true};
    auto desired = guarded_since_1_27(Family::ipv4);
    CHECK(plan_for(desired, nothing_there(Family::ipv4), nudge).empty());

    auto snapshot = snapshot_of(desired);
    chain_in(snapshot, Table::mangle, kubelet_canary).rules.push_back(observed(localnet_rule(), 10));
    CHECK(plan_for(desired, snapshot, nudge).empty());
    remove_chain(snapshot, Table::mangle, kubelet_canary);
    CHECK(plan_for(desired, snapshot, nudge).empty());

    std::erase_if(desired.chains, [](const auto& chain) { return chain.table == Table::mangle && chain.is_canary(); });
    CHECK(plan_for(desired, snapshot_of(desired), nudge).empty());
}

TEST_CASE("a nudge is fulfilled when the mangle canary is gone, and by no other chain that is")
{
    const auto desired = guarded_since_1_27(Family::ipv4);
    auto snapshot = snapshot_of(desired);
    const auto plan = plan_for(desired, snapshot, {.nudge = true});
    CHECK_FALSE(fulfilled(plan, diagnose(desired, snapshot)));
    remove_chain(snapshot, Table::nat, kubelet_canary);
    remove_chain(snapshot, Table::mangle, "KUBE-IPTABLES-HINT");
    chain_in(snapshot, Table::mangle, kubelet_canary).rules.push_back(observed(localnet_rule(), 10));
    CHECK_FALSE(fulfilled(plan, diagnose(desired, snapshot)));
    remove_chain(snapshot, Table::mangle, kubelet_canary);
    CHECK(fulfilled(plan, diagnose(desired, snapshot)));
    CHECK(fulfilled(plan, diagnose(desired, nothing_there(Family::ipv4))));
}

TEST_CASE("an empty plan is fulfilled by anything")
{
    const auto desired = guarded_since_1_27(Family::ipv4);
    CHECK(fulfilled({.family = Family::ipv4, .generation = 7, .steps = {}},
                    diagnose(desired, nothing_there(Family::ipv4))));
}

}  // namespace chainkeeper::repair
