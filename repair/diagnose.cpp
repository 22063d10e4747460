// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/diagnose.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace chainkeeper::repair {

namespace {

// What `iptables -C` would say of `wanted`.
bool is_known_as(const ObservedRule& observed, const Rule& wanted)
{
    return observed.dialect != Dialect::native && observed.rule == wanted;
}

std::vector<RulePosition> positions_of(const ObservedChain& chain, const Rule& wanted)
{
    std::vector<RulePosition> positions;
    std::uint32_t number = 0;
    for (const auto& observed : chain.rules) {
        ++number;
        if (is_known_as(observed, wanted))
            positions.push_back({.handle = observed.handle, .number = number});
    }
    return positions;
}

bool is_allowed(const DesiredChain& desired, const ObservedRule& observed)
{
    const auto known = [&](const Rule& rule) { return is_known_as(observed, rule); };
    return std::ranges::any_of(desired.rules, known) || std::ranges::any_of(desired.tolerated, known);
}

// What a rule is that stands in a guarded chain and that kubelet did not write.
FindingKind stranger_kind(const DesiredChain& desired, const ObservedRule& observed)
{
    if (!observed.rule)
        return FindingKind::foreign_rule;
    if (observed.rule->target == Target{Verdict::drop} && matches_everything(*observed.rule))
        return FindingKind::chain_damaged;
    const auto copied = [&](const Rule& rule) { return same_effect(rule, *observed.rule); };
    if (observed.dialect != Dialect::iptables && std::ranges::any_of(desired.rules, copied))
        return FindingKind::native_copy;
    return FindingKind::foreign_rule;
}

class Examination {
public:
    Examination(const DesiredState& desired, const Snapshot& snapshot)
        : desired_{desired}, snapshot_{snapshot}, diagnosis_{.family = snapshot.family,
                                                             .generation = snapshot.generation,
                                                             .findings = {}}
    {
    }

    Diagnosis examine() &&
    {
        examine_tables();
        for (const auto& chain : desired_.chains)
            examine_chain(chain);
        examine_base_chains();
        for (const auto& jump : desired_.jumps)
            examine_jump(jump);
        return std::move(diagnosis_);
    }

private:
    void examine_tables()
    {
        for (const auto table : tables_in(desired_))
            if (!snapshot_.tables.contains(table))
                add({.kind = FindingKind::table_missing, .table = table});
    }

    void examine_chain(const DesiredChain& desired)
    {
        const auto* const chain = snapshot_.find(desired.table, desired.name);
        if (chain == nullptr)
            return add({.kind = FindingKind::chain_missing, .table = desired.table, .chain = desired.name});
        if (chain->rules.empty() && !desired.rules.empty())
            return add({.kind = FindingKind::chain_emptied, .table = desired.table, .chain = desired.name});
        examine_rules(desired, *chain);
        examine_strangers(desired, *chain);
    }

    // From the last rule to the first, so that a missing one knows which it belongs before.
    void examine_rules(const DesiredChain& desired, const ObservedChain& chain)
    {
        std::vector<Finding> findings;
        std::optional<RulePosition> next;
        for (auto rule = desired.rules.rbegin(); rule != desired.rules.rend(); ++rule) {
            const auto positions = positions_of(chain, *rule);
            if (positions.empty())
                findings.push_back(rule_finding(FindingKind::rule_missing, desired, *rule, next));
            else
                next = positions.front();
            for (std::size_t extra = 1; extra < positions.size(); ++extra)
                findings.push_back(rule_finding(FindingKind::duplicate_rule, desired, *rule, positions[extra]));
        }
        diagnosis_.findings.insert(diagnosis_.findings.end(), findings.rbegin(), findings.rend());
    }

    void examine_strangers(const DesiredChain& desired, const ObservedChain& chain)
    {
        std::uint32_t number = 0;
        for (const auto& observed : chain.rules) {
            ++number;
            if (is_allowed(desired, observed))
                continue;
            add({.kind = stranger_kind(desired, observed),
                 .table = desired.table,
                 .chain = desired.name,
                 .rule = observed.rule,
                 .position = RulePosition{.handle = observed.handle, .number = number},
                 .expressions = observed.expressions});
        }
    }

    void examine_base_chains()
    {
        std::set<std::pair<Table, std::string>> seen;
        for (const auto& jump : desired_.jumps)
            if (seen.emplace(jump.table, jump.base_chain).second &&
                snapshot_.find(jump.table, jump.base_chain) == nullptr)
                add({.kind = FindingKind::base_chain_missing, .table = jump.table, .chain = jump.base_chain});
    }

    void examine_jump(const DesiredJump& jump)
    {
        const auto* const chain = snapshot_.find(jump.table, jump.base_chain);
        const auto positions = chain == nullptr ? std::vector<RulePosition>{} : positions_of(*chain, jump.rule);
        if (positions.empty())
            return add(
                {.kind = FindingKind::jump_missing, .table = jump.table, .chain = jump.base_chain, .rule = jump.rule});
        for (std::size_t extra = 1; extra < positions.size(); ++extra)
            add({.kind = FindingKind::duplicate_jump,
                 .table = jump.table,
                 .chain = jump.base_chain,
                 .rule = jump.rule,
                 .position = positions[extra]});
    }

    static Finding rule_finding(FindingKind kind, const DesiredChain& chain, const Rule& rule,
                                std::optional<RulePosition> position)
    {
        return {.kind = kind, .table = chain.table, .chain = chain.name, .rule = rule, .position = position};
    }

    void add(Finding finding) { diagnosis_.findings.push_back(std::move(finding)); }

    const DesiredState& desired_;
    const Snapshot& snapshot_;
    Diagnosis diagnosis_;
};

}  // namespace

Diagnosis diagnose(const DesiredState& desired, const Snapshot& snapshot)
{
    return Examination{desired, snapshot}.examine();
}

}  // namespace chainkeeper::repair
