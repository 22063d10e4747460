// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/finding.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace chainkeeper::repair {

namespace {

std::string object_name(Table table, const std::string& chain)
{
    return fmt::format("{} {}", to_string(table), chain);
}

std::string object_name(Family family, Table table, const std::string& chain, const Rule& rule)
{
    return fmt::format("{} {}", object_name(table, chain), to_string(family, rule));
}

std::string rule_text(Family family, const Finding& finding)
{
    return finding.rule ? to_string(family, *finding.rule) : fmt::format("[{}]", finding.expressions);
}

}  // namespace

std::string_view to_string(FindingKind kind)
{
    switch (kind) {
    case FindingKind::table_missing: return "table_missing";
    case FindingKind::base_chain_missing: return "base_chain_missing";
    case FindingKind::chain_missing: return "chain_missing";
    case FindingKind::chain_emptied: return "chain_emptied";
    case FindingKind::rule_missing: return "rule_missing";
    case FindingKind::jump_missing: return "jump_missing";
    case FindingKind::chain_damaged: return "chain_damaged";
    case FindingKind::foreign_rule: return "foreign_rule";
    case FindingKind::duplicate_rule: return "duplicate_rule";
    case FindingKind::duplicate_jump: return "duplicate_jump";
    case FindingKind::native_copy: return "native_copy";
    case FindingKind::hint_in_wrong_backend: return "hint_in_wrong_backend";
    }
    return "unknown";
}

bool is_missing(const Finding& finding)
{
    switch (finding.kind) {
    case FindingKind::table_missing:
    case FindingKind::base_chain_missing:
    case FindingKind::chain_missing:
    case FindingKind::chain_emptied:
    case FindingKind::rule_missing:
    case FindingKind::jump_missing: return true;
    case FindingKind::chain_damaged:
    case FindingKind::foreign_rule:
    case FindingKind::duplicate_rule:
    case FindingKind::duplicate_jump:
    case FindingKind::native_copy:
    case FindingKind::hint_in_wrong_backend: return false;
    }
    return false;
}

bool is_canary(const Finding& finding)
{
    return finding.chain == kubelet_canary;
}

bool is_mangle_canary(const Finding& finding)
{
    return finding.table == Table::mangle && is_canary(finding);
}

std::string describe(Family family, const Finding& finding)
{
    const auto table = to_string(finding.table);
    const auto& chain = finding.chain;
    switch (finding.kind) {
    case FindingKind::table_missing: return fmt::format("table {} is missing", table);
    case FindingKind::base_chain_missing: return fmt::format("base chain {} of table {} is missing", chain, table);
    case FindingKind::chain_missing: return fmt::format("chain {} is missing from table {}", chain, table);
    case FindingKind::chain_emptied: return fmt::format("chain {} of table {} has lost all its rules", chain, table);
    case FindingKind::rule_missing:
        return fmt::format("chain {} of table {} lacks: {}", chain, table, rule_text(family, finding));
    case FindingKind::jump_missing:
        return fmt::format("base chain {} of table {} lacks: {}", chain, table, rule_text(family, finding));
    case FindingKind::chain_damaged:
        return fmt::format("chain {} of table {} drops every packet: {}", chain, table, rule_text(family, finding));
    case FindingKind::foreign_rule:
        return fmt::format("chain {} of table {} holds a rule that is not kubelet's: {}", chain, table,
                           rule_text(family, finding));
    case FindingKind::duplicate_rule:
    case FindingKind::duplicate_jump:
        return fmt::format("chain {} of table {} holds twice: {}", chain, table, rule_text(family, finding));
    case FindingKind::native_copy:
        return fmt::format("chain {} of table {} holds a copy that iptables -C does not know, in nft's own words: {}",
                           chain, table, rule_text(family, finding));
    case FindingKind::hint_in_wrong_backend:
        return fmt::format("chain {} is in table {} of {} too, which kubelet does not use: it misleads whoever looks "
                           "for kubelet's backend, until somebody deletes it",
                           chain, table, finding.expressions);
    }
    return {};
}

bool Diagnosis::mangle_canary_missing() const
{
    return std::ranges::any_of(findings,
                               [](const Finding& finding) { return is_missing(finding) && is_mangle_canary(finding); });
}

bool Diagnosis::mangle_canary_whole() const
{
    return std::ranges::none_of(findings, is_mangle_canary);
}

bool Diagnosis::anything_missing() const
{
    return std::ranges::any_of(findings, is_missing);
}

bool Diagnosis::damaged() const
{
    return std::ranges::any_of(findings,
                               [](const Finding& finding) { return finding.kind == FindingKind::chain_damaged; });
}

namespace {

std::set<std::string> rules_of(const DesiredState& desired, const Finding& emptied)
{
    std::set<std::string> names;
    for (const auto& chain : desired.chains)
        if (chain.table == emptied.table && chain.name == emptied.chain)
            for (const auto& rule : chain.rules)
                names.insert(object_name(desired.family, chain.table, chain.name, rule));
    return names;
}

}  // namespace

std::set<std::string> missing_objects(const DesiredState& desired, const Diagnosis& diagnosis)
{
    std::set<std::string> names;
    for (const auto& finding : diagnosis.findings) {
        if (finding.kind == FindingKind::chain_missing)
            names.insert(object_name(finding.table, finding.chain));
        else if (finding.kind == FindingKind::chain_emptied)
            names.merge(rules_of(desired, finding));
        else if (is_missing(finding) && finding.rule)
            names.insert(object_name(desired.family, finding.table, finding.chain, *finding.rule));
    }
    return names;
}

std::vector<GuardedObject> guarded_objects(const DesiredState& desired, const Diagnosis& diagnosis)
{
    const auto missing = missing_objects(desired, diagnosis);
    std::vector<GuardedObject> objects;
    const auto add_rule = [&](Table table, const std::string& chain, const Rule& rule, bool has_chain) {
        const bool present = has_chain && !missing.contains(object_name(desired.family, table, chain, rule));
        objects.push_back(
            {.table = table, .chain = chain, .rule = to_string(desired.family, rule), .present = present});
    };
    for (const auto& chain : desired.chains) {
        const bool present = !missing.contains(object_name(chain.table, chain.name));
        objects.push_back({.table = chain.table, .chain = chain.name, .rule = "", .present = present});
        for (const auto& rule : chain.rules)
            add_rule(chain.table, chain.name, rule, present);
    }
    for (const auto& jump : desired.jumps)
        add_rule(jump.table, jump.base_chain, jump.rule, true);
    return objects;
}

DesiredState without(DesiredState desired, const std::set<std::string>& objects)
{
    std::erase_if(desired.chains,
                  [&](const DesiredChain& chain) { return objects.contains(object_name(chain.table, chain.name)); });
    for (auto& chain : desired.chains)
        std::erase_if(chain.rules, [&](const Rule& rule) {
            return objects.contains(object_name(desired.family, chain.table, chain.name, rule));
        });
    std::erase_if(desired.jumps, [&](const DesiredJump& jump) {
        return objects.contains(object_name(desired.family, jump.table, jump.base_chain, jump.rule));
    });
    return desired;
}

}  // namespace chainkeeper::repair
