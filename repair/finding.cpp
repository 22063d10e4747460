// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/finding.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace chainkeeper::repair {

namespace {

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

}  // namespace chainkeeper::repair
