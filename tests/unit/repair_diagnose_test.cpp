// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/diagnose.hpp"

#include "tests/support/kubelet.hpp"
#include "tests/support/snapshots.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <set>
#include <string>
#include <vector>

namespace chainkeeper::repair {

namespace {

using namespace tests;

constexpr std::string_view firewall = "KUBE-FIREWALL";

Rule drop_everything()
{
    return {.source = {}, .destination = {}, .matches = {}, .target = Verdict::drop};
}

ObservedRule in_words(Dialect dialect, Rule rule, std::uint64_t handle)
{
    auto made = observed(std::move(rule), handle);
    made.dialect = dialect;
    return made;
}

ObservedRule unreadable(std::uint64_t handle)
{
    return {.handle = handle, .dialect = Dialect::iptables, .rule = std::nullopt, .expressions = "lookup immediate"};
}

// kubelet 1.27 and its IPv4 ruleset, to be spoilt.
struct Case {
    DesiredState desired = guarded_since_1_27(Family::ipv4);
    Snapshot snapshot = snapshot_of(desired);

    ObservedChain& chain(Table table, std::string_view name) { return chain_in(snapshot, table, name); }
    ObservedChain& firewall_chain() { return chain(Table::filter, firewall); }
    [[nodiscard]] Diagnosis diagnosed() const { return diagnose(desired, snapshot); }
    [[nodiscard]] Finding only_finding() const
    {
        const auto diagnosis = diagnosed();
        REQUIRE(diagnosis.findings.size() == 1);
        return diagnosis.findings.front();
    }
};

// The same of kubelet 1.24, whose KUBE-POSTROUTING has three rules.
Case of_1_24()
{
    Case made{.desired = guarded_in_1_24(Family::ipv4), .snapshot = {}};
    made.snapshot = snapshot_of(made.desired);
    return made;
}

std::vector<FindingKind> kinds_of(const Diagnosis& diagnosis)
{
    std::vector<FindingKind> kinds;
    for (const auto& finding : diagnosis.findings)
        kinds.push_back(finding.kind);
    return kinds;
}

}  // namespace

TEST_CASE("what kubelet made is healthy, in both families and versions")
{
    for (const auto family : all_families)
        for (const auto& desired : {guarded_since_1_27(family), guarded_in_1_24(family)}) {
            const auto diagnosis = diagnose(desired, snapshot_of(desired));
            CHECK(diagnosis.healthy());
            CHECK_FALSE(diagnosis.anything_missing());
            CHECK(diagnosis.family == family);
            CHECK(diagnosis.generation == 7);
        }
}

TEST_CASE("an empty guarded set is healthy, whatever there is")
{
    const auto snapshot = snapshot_of(guarded_in_1_24(Family::ipv4));
    CHECK(diagnose({.family = Family::ipv4, .chains = {}, .jumps = {}}, snapshot).healthy());
}

TEST_CASE("a missing chain")
{
    Case each;
    remove_chain(each.snapshot, Table::mangle, "KUBE-IPTABLES-HINT");
    const auto finding = each.only_finding();
    CHECK(finding.kind == FindingKind::chain_missing);
    CHECK(finding.table == Table::mangle);
    CHECK(finding.chain == "KUBE-IPTABLES-HINT");
    CHECK(is_missing(finding));
    CHECK_FALSE(is_canary(finding));
    CHECK_FALSE(each.diagnosed().mangle_canary_missing());
}

TEST_CASE("the mangle canary, and the two that are not it")
{
    for (const auto table : all_tables) {
        Case each;
        remove_chain(each.snapshot, table, kubelet_canary);
        const auto finding = each.only_finding();
        CHECK(finding.kind == FindingKind::chain_missing);
        CHECK(is_canary(finding));
        CHECK(is_mangle_canary(finding) == (table == Table::mangle));
        CHECK(each.diagnosed().mangle_canary_missing() == (table == Table::mangle));
    }
}

TEST_CASE("a foreign rule in the mangle canary does not make it missing")
{
    Case each;
    each.chain(Table::mangle, kubelet_canary).rules.push_back(unreadable(5));
    CHECK(each.only_finding().kind == FindingKind::foreign_rule);
    CHECK_FALSE(each.diagnosed().mangle_canary_missing());
    CHECK_FALSE(each.diagnosed().anything_missing());
}

TEST_CASE("a missing table, with all that was in it")
{
    Case each;
    remove_table(each.snapshot, Table::nat);
    CHECK(kinds_of(each.diagnosed()) == std::vector{FindingKind::table_missing, FindingKind::chain_missing});
    remove_table(each.snapshot, Table::filter);
    using enum FindingKind;
    CHECK(kinds_of(each.diagnosed()) == std::vector{table_missing, table_missing, chain_missing, chain_missing,
                                                    chain_missing, base_chain_missing, base_chain_missing, jump_missing,
                                                    jump_missing});
    const auto first = each.diagnosed().findings.front();
    CHECK(first.table == Table::nat);
    CHECK(first.chain.empty());
}

TEST_CASE("a missing base chain, with the jump that it held")
{
    Case each;
    remove_chain(each.snapshot, Table::filter, "INPUT");
    const auto diagnosis = each.diagnosed();
    CHECK(kinds_of(diagnosis) == std::vector{FindingKind::base_chain_missing, FindingKind::jump_missing});
    for (const auto& finding : diagnosis.findings) {
        CHECK(finding.table == Table::filter);
        CHECK(finding.chain == "INPUT");
    }
    CHECK(diagnosis.findings.back().rule == firewall_jump());
}

TEST_CASE("a missing jump, though others stand there")
{
    Case each;
    auto& input = each.chain(Table::filter, "INPUT");
    input.rules = {observed(drop_everything(), 3), unreadable(4)};
    const auto finding = each.only_finding();
    CHECK(finding.kind == FindingKind::jump_missing);
    CHECK(finding.chain == "INPUT");
    CHECK(finding.rule == firewall_jump());
}

TEST_CASE("a jump is where it is: its place among others is no finding")
{
    Case each;
    auto& input = each.chain(Table::filter, "INPUT");
    input.rules.insert(input.rules.begin(), {observed(drop_everything(), 3), unreadable(4)});
    CHECK(each.diagnosed().healthy());
}

TEST_CASE("a chain that lost all its rules is emptied, one that lost some lacks these")
{
    auto each = of_1_24();
    auto& rules = each.chain(Table::nat, "KUBE-POSTROUTING").rules;
    const auto whole = rules;
    rules.clear();
    CHECK(each.only_finding().kind == FindingKind::chain_emptied);
    CHECK_FALSE(each.only_finding().rule);

    rules = {whole[1]};
    const auto diagnosis = each.diagnosed();
    CHECK(kinds_of(diagnosis) == std::vector{FindingKind::rule_missing, FindingKind::rule_missing});
    CHECK(diagnosis.findings[0].rule == unmarked_return_rule());
    CHECK(diagnosis.findings[1].rule == masquerade_rule());
}

TEST_CASE("what is missing has a name, by which it can be left out")
{
    auto each = of_1_24();
    const Snapshot nothing{.family = Family::ipv4, .tables = {}, .chains = {}};
    const auto all = missing_objects(each.desired, diagnose(each.desired, nothing));
    CHECK(all.contains("filter KUBE-FIREWALL"));
    CHECK(all.contains("filter INPUT -j KUBE-FIREWALL"));
    for (const auto& chain : without(each.desired, all).chains)
        CHECK(chain.is_canary());
    CHECK(without(each.desired, all).jumps.empty());

    auto& rules = each.chain(Table::nat, "KUBE-POSTROUTING").rules;
    rules.clear();
    const auto emptied = missing_objects(each.desired, each.diagnosed());
    CHECK(emptied.size() == 3);
    CHECK(emptied.contains("nat KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0"));
    CHECK(diagnose(without(each.desired, emptied), each.snapshot).healthy());
    CHECK(without(each.desired, {}).chains.size() == each.desired.chains.size());
    CHECK(missing_objects(each.desired, {.family = Family::ipv4, .findings = {}}).empty());
}

TEST_CASE("a chain that holds nothing but a stranger lacks its rules, and is not emptied")
{
    Case each;
    each.firewall_chain().rules = {unreadable(5)};
    CHECK(kinds_of(each.diagnosed()) == std::vector{FindingKind::rule_missing, FindingKind::foreign_rule});
}

TEST_CASE("a missing rule belongs before the next of kubelet's rules that is there")
{
    auto each = of_1_24();
    auto& rules = each.chain(Table::nat, "KUBE-POSTROUTING").rules;
    const auto whole = rules;

    rules = {whole[1], whole[2]};
    CHECK(each.only_finding().position == RulePosition{.handle = 20, .number = 1});

    rules = {unreadable(5), whole[0], unreadable(6), whole[2]};
    const auto diagnosis = each.diagnosed();
    REQUIRE(diagnosis.findings.size() == 3);
    CHECK(diagnosis.findings.front().rule == clear_mark_rule());
    CHECK(diagnosis.findings.front().position == RulePosition{.handle = 30, .number = 4});

    rules = {whole[0], whole[1]};
    CHECK(each.only_finding().rule == masquerade_rule());
    CHECK_FALSE(each.only_finding().position);

    rules = {whole[2]};
    for (const auto& finding : each.diagnosed().findings)
        CHECK(finding.position == RulePosition{.handle = 30, .number = 1});
}

TEST_CASE("the order of kubelet's rules in a chain is no finding")
{
    auto each = of_1_24();
    std::ranges::reverse(each.firewall_chain().rules);
    CHECK(each.diagnosed().healthy());
}

TEST_CASE("the rule of an older kubelet is tolerated in KUBE-FIREWALL, alone or besides")
{
    Case each;
    each.firewall_chain().rules.push_back(observed(marked_rule(), 90));
    CHECK(each.diagnosed().healthy());
    each.firewall_chain().rules.push_back(observed(marked_rule(), 91));
    CHECK(each.diagnosed().healthy());

    each.firewall_chain().rules.erase(each.firewall_chain().rules.begin());
    CHECK(each.only_finding().kind == FindingKind::rule_missing);
    CHECK_FALSE(each.only_finding().position);
}

TEST_CASE("a rule that drops everything is damage, whoever wrote it and in whatever words")
{
    auto commented = drop_everything();
    commented.matches.emplace_back(CommentMatch{.text = "closed for today"});
    for (const auto& rule : {in_words(Dialect::iptables, drop_everything(), 5),
                             in_words(Dialect::readable, commented, 5), in_words(Dialect::iptables, commented, 5)}) {
        Case each;
        each.firewall_chain().rules.push_back(rule);
        const auto finding = each.only_finding();
        CHECK(finding.kind == FindingKind::chain_damaged);
        CHECK(finding.rule == rule.rule);
        CHECK(finding.position == RulePosition{.handle = 5, .number = 2});
        CHECK_FALSE(is_missing(finding));
        CHECK(each.diagnosed().damaged());
    }
}

TEST_CASE("a stranger in a guarded chain is no damage while it lets something through")
{
    Case each;
    auto accepting = drop_everything();
    accepting.target = Verdict::accept;
    auto marked = marked_rule();
    std::get<MarkMatch>(marked.matches.back()).value = 1;
    each.firewall_chain().rules.insert(each.firewall_chain().rules.begin(),
                                       {observed(accepting, 1), observed(marked, 2), unreadable(3)});
    const auto diagnosis = each.diagnosed();
    CHECK(kinds_of(diagnosis) == std::vector(3, FindingKind::foreign_rule));
    CHECK_FALSE(diagnosis.damaged());
    CHECK(diagnosis.findings[2].position == RulePosition{.handle = 3, .number = 3});
    CHECK(diagnosis.findings[2].expressions == "lookup immediate");
    CHECK_FALSE(diagnosis.findings[2].rule);
}

TEST_CASE("a guarded rule that stands there twice is a duplicate, at its second place")
{
    Case each;
    each.firewall_chain().rules.push_back(observed(marked_rule(), 70));
    each.firewall_chain().rules.push_back(observed(localnet_rule(), 80));
    each.firewall_chain().rules.push_back(observed(localnet_rule(), 90));
    const auto diagnosis = each.diagnosed();
    CHECK(kinds_of(diagnosis) == std::vector(2, FindingKind::duplicate_rule));
    const std::set handles{diagnosis.findings[0].position->handle, diagnosis.findings[1].position->handle};
    CHECK(handles == std::set<std::uint64_t>{80, 90});
    CHECK_FALSE(diagnosis.anything_missing());
}

TEST_CASE("a jump that stands there twice is a duplicate")
{
    Case each;
    auto& output = each.chain(Table::filter, "OUTPUT");
    output.rules.push_back(unreadable(50));
    output.rules.push_back(observed(firewall_jump(), 60));
    const auto finding = each.only_finding();
    CHECK(finding.kind == FindingKind::duplicate_jump);
    CHECK(finding.chain == "OUTPUT");
    CHECK(finding.position == RulePosition{.handle = 60, .number = 3});
}

TEST_CASE("a copy of a guarded rule in nft's own words does not stand in for it")
{
    Case each;
    auto copy = localnet_rule();
    copy.matches = {copy.matches.back()};
    each.firewall_chain().rules = {in_words(Dialect::native, copy, 5)};
    const auto diagnosis = each.diagnosed();
    CHECK(kinds_of(diagnosis) == std::vector{FindingKind::rule_missing, FindingKind::native_copy});
    CHECK(diagnosis.findings.back().position == RulePosition{.handle = 5, .number = 1});

    each.firewall_chain().rules = {in_words(Dialect::native, localnet_rule(), 5)};
    CHECK(kinds_of(each.diagnosed()) == std::vector{FindingKind::rule_missing, FindingKind::native_copy});
}

TEST_CASE("an iptables rule that differs from a guarded one only in its matches is a stranger, not a copy")
{
    Case each;
    auto swapped = localnet_rule();
    std::ranges::reverse(swapped.matches);
    each.firewall_chain().rules = {observed(swapped, 5)};
    CHECK(kinds_of(each.diagnosed()) == std::vector{FindingKind::rule_missing, FindingKind::foreign_rule});
}

TEST_CASE("a jump with an nft comment is kubelet's where the comment is")
{
    auto each = of_1_24();
    auto& rules = each.chain(Table::nat, "POSTROUTING").rules;
    rules = {in_words(Dialect::readable, postrouting_jump(), 5)};
    CHECK(each.diagnosed().healthy());
    rules = {in_words(Dialect::native, postrouting_jump(), 5)};
    CHECK(each.only_finding().kind == FindingKind::jump_missing);

    auto commented = firewall_jump();
    commented.matches.emplace_back(CommentMatch{.text = "x"});
    Case other;
    other.chain(Table::filter, "INPUT").rules = {in_words(Dialect::readable, commented, 5)};
    CHECK(other.only_finding().kind == FindingKind::jump_missing);
}

TEST_CASE("every kind has a name and a sentence of its own, which are not those of another")
{
    using enum FindingKind;
    std::set<std::string> names;
    std::set<std::string> sentences;
    const auto kinds = {table_missing, base_chain_missing, chain_missing,  chain_emptied,  rule_missing, jump_missing,
                        chain_damaged, foreign_rule,       duplicate_rule, duplicate_jump, native_copy};
    for (const auto kind : kinds) {
        names.emplace(to_string(kind));
        Finding finding{.kind = kind, .table = Table::filter};
        finding.chain = kind == duplicate_jump ? "INPUT" : std::string{firewall};
        finding.rule = localnet_rule();
        sentences.insert(describe(Family::ipv4, finding));
    }
    CHECK(names.size() == kinds.size());
    CHECK(sentences.size() == kinds.size());
    CHECK(names.contains("chain_emptied"));
}

TEST_CASE("a finding says what, where, and in whose words")
{
    Finding finding{.kind = FindingKind::chain_missing, .table = Table::mangle};
    finding.chain = "KUBE-IPTABLES-HINT";
    CHECK(describe(Family::ipv4, finding) == "chain KUBE-IPTABLES-HINT is missing from table mangle");
    finding.kind = FindingKind::foreign_rule;
    finding.expressions = "lookup immediate";
    CHECK(describe(Family::ipv4, finding) ==
          "chain KUBE-IPTABLES-HINT of table mangle holds a rule that is not kubelet's: [lookup immediate]");
    finding.rule = firewall_jump();
    CHECK(describe(Family::ipv4, finding).ends_with(": -j KUBE-FIREWALL"));
}

}  // namespace chainkeeper::repair
