// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/profile.hpp"
#include "policies/profile_rule.hpp"
#include "policies/toml_read.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <optional>
#include <utility>

namespace chainkeeper::policies {

namespace {

using namespace std::string_view_literals;
using repair::DesiredChain;
using repair::DesiredJump;
using repair::DesiredState;
using repair::Family;
using repair::Table;

// A chain that kubelet makes, or made until it left it to kube-proxy.
struct GuardedChain {
    Table table;
    std::string_view name;
    std::optional<Profile::Version> until;
};

constexpr Profile::Version left_to_kube_proxy{1, 27};

// All that a profile can ask for, and so all that a repair can ever write to. An empty copy of anybody else's chain
// routes nothing and hides the flush from its owner.
constexpr std::array guarded_chains{
    GuardedChain{Table::mangle, "KUBE-IPTABLES-HINT", std::nullopt},
    GuardedChain{Table::filter, "KUBE-FIREWALL", std::nullopt},
    GuardedChain{Table::nat, "KUBE-MARK-DROP", left_to_kube_proxy},
    GuardedChain{Table::nat, "KUBE-MARK-MASQ", left_to_kube_proxy},
    GuardedChain{Table::nat, "KUBE-POSTROUTING", left_to_kube_proxy},
    GuardedChain{Table::filter, repair::kubelet_canary, std::nullopt},
    GuardedChain{Table::nat, repair::kubelet_canary, std::nullopt},
    GuardedChain{Table::mangle, repair::kubelet_canary, std::nullopt},
};

struct BaseChain {
    Table table;
    std::string_view name;
};

constexpr std::array base_chains{
    BaseChain{Table::mangle, "PREROUTING"},  BaseChain{Table::mangle, "INPUT"},
    BaseChain{Table::mangle, "FORWARD"},     BaseChain{Table::mangle, "OUTPUT"},
    BaseChain{Table::mangle, "POSTROUTING"}, BaseChain{Table::nat, "PREROUTING"},
    BaseChain{Table::nat, "INPUT"},          BaseChain{Table::nat, "OUTPUT"},
    BaseChain{Table::nat, "POSTROUTING"},    BaseChain{Table::filter, "INPUT"},
    BaseChain{Table::filter, "FORWARD"},     BaseChain{Table::filter, "OUTPUT"},
};

constexpr std::array root_keys{"since"sv, "tested_to"sv, "chain"sv, "jump"sv};
constexpr std::array chain_keys{"families"sv, "table"sv, "name"sv, "rule"sv, "tolerated"sv};
constexpr std::array jump_keys{"families"sv, "table"sv, "from"sv, "to"sv, "comment"sv};

// What one pass over a profile file is made for.
struct Pass {
    Family family;
    Profile::Version since;
};

// Nobody's but kubelet's, in the versions that the profile is for.
bool is_guarded(Table table, std::string_view name, Profile::Version since)
{
    return std::ranges::any_of(guarded_chains, [&](const GuardedChain& chain) {
        return chain.table == table && chain.name == name && (!chain.until || since < *chain.until);
    });
}

bool has_chain(const DesiredState& state, Table table, std::string_view name)
{
    return std::ranges::any_of(state.chains,
                               [&](const DesiredChain& chain) { return chain.table == table && chain.name == name; });
}

// Whether `item`, a chain, rule or jump, is there for `family`: all are for both, unless they say otherwise.
Read<bool> is_for(const TomlValue& item, Family family)
{
    const auto* entry = item.find("families");
    if (entry == nullptr)
        return true;
    return families_of(*entry).map(
        [&](const std::vector<Family>& families) { return std::ranges::find(families, family) != families.end(); });
}

// Those of the tables [[key]] that are for `family`.
Read<std::vector<const TomlValue*>> tables_for(const TomlValue& parent, std::string_view key, Family family)
{
    auto tables = tables_of(parent, key);
    if (!tables)
        return tables;
    std::vector<const TomlValue*> chosen;
    for (const auto* table : *tables) {
        const auto wanted = is_for(*table, family);
        if (!wanted)
            return tl::unexpected(wanted.error());
        if (*wanted)
            chosen.push_back(table);
    }
    return chosen;
}

Read<Table> table_of(const TomlValue& item)
{
    return required_string(item, "table").and_then([&](std::string_view word) {
        return choice_of(word, item.find("table")->value.place, repair::all_tables);
    });
}

Read<std::vector<repair::Rule>> rules_of(const TomlValue& chain, std::string_view key, Family family)
{
    const auto tables = tables_for(chain, key, family);
    if (!tables)
        return tl::unexpected(tables.error());
    std::vector<repair::Rule> rules;
    for (const auto* table : *tables) {
        auto rule = rule_of(*table, family);
        if (!rule)
            return tl::unexpected(rule.error());
        rules.push_back(std::move(*rule));
    }
    return rules;
}

// The chain's name, where a profile may hold it and `state` does not hold it yet.
Read<std::string_view> new_name_of(const TomlValue& chain, Table table, const Pass& pass, const DesiredState& state)
{
    auto name = required_string(chain, "name");
    if (!name)
        return name;
    const auto place = chain.find("name")->value.place;
    if (!is_guarded(table, *name, pass.since))
        return mistake(place, fmt::format("{} is not a chain that kubelet {}.{} makes in table {}: it is never guarded",
                                          quote(*name), pass.since.major, pass.since.minor, to_string(table)));
    if (has_chain(state, table, *name))
        return mistake(place, fmt::format("{} stands here twice in table {}", quote(*name), to_string(table)));
    return name;
}

Read<DesiredChain> chain_of(const TomlValue& chain, const Pass& pass, const DesiredState& state)
{
    if (const auto known = only_known(chain, chain_keys, " in [[chain]]"); !known)
        return tl::unexpected(known.error());
    const auto table = table_of(chain);
    if (!table)
        return tl::unexpected(table.error());
    const auto name = new_name_of(chain, *table, pass, state);
    if (!name)
        return tl::unexpected(name.error());
    auto rules = rules_of(chain, "rule", pass.family);
    if (!rules)
        return tl::unexpected(rules.error());
    auto tolerated = rules_of(chain, "tolerated", pass.family);
    if (!tolerated)
        return tl::unexpected(tolerated.error());
    return DesiredChain{*table, std::string{*name}, std::move(*rules), std::move(*tolerated)};
}

Read<std::string_view> base_chain_of(const TomlValue& jump, Table table)
{
    auto name = required_string(jump, "from");
    if (!name)
        return name;
    std::vector<std::string_view> known;
    for (const auto& chain : base_chains)
        if (chain.table == table)
            known.push_back(chain.name);
    if (std::ranges::find(known, *name) == known.end())
        return mistake(jump.find("from")->value.place,
                       unknown_word("base chain", *name, fmt::format(" of table {}", to_string(table)), known));
    return name;
}

// Only to a chain of the same profile: a jump to nowhere is refused by the kernel, with all that is in its transaction.
Read<std::string_view> jump_target_of(const TomlValue& jump, Table table, const DesiredState& state)
{
    auto name = required_string(jump, "to");
    if (!name || has_chain(state, table, *name))
        return name;
    return mistake(jump.find("to")->value.place, fmt::format("{} is no [[chain]] of table {} in family {}",
                                                             quote(*name), to_string(table), to_string(state.family)));
}

Read<repair::Rule> jump_rule_of(const TomlValue& jump, Table table, const DesiredState& state)
{
    const auto target = jump_target_of(jump, table, state);
    if (!target)
        return tl::unexpected(target.error());
    const auto comment = optional_string(jump, "comment");
    if (!comment)
        return tl::unexpected(comment.error());
    repair::Rule rule;
    if (*comment)
        rule.matches.emplace_back(repair::CommentMatch{std::string{**comment}});
    rule.target = repair::Jump{std::string{*target}};
    return rule;
}

Read<DesiredJump> jump_of(const TomlValue& jump, const DesiredState& state)
{
    if (const auto known = only_known(jump, jump_keys, " in [[jump]]"); !known)
        return tl::unexpected(known.error());
    const auto table = table_of(jump);
    if (!table)
        return tl::unexpected(table.error());
    const auto base_chain = base_chain_of(jump, *table);
    if (!base_chain)
        return tl::unexpected(base_chain.error());
    auto rule = jump_rule_of(jump, *table, state);
    if (!rule)
        return tl::unexpected(rule.error());
    return DesiredJump{*table, std::string{*base_chain}, std::move(*rule)};
}

Read<void> read_chains(const TomlValue& root, const Pass& pass, DesiredState& state)
{
    const auto tables = tables_for(root, "chain", pass.family);
    if (!tables)
        return tl::unexpected(tables.error());
    for (const auto* table : *tables) {
        auto chain = chain_of(*table, pass, state);
        if (!chain)
            return tl::unexpected(chain.error());
        state.chains.push_back(std::move(*chain));
    }
    return {};
}

Read<void> read_jumps(const TomlValue& root, const Pass& pass, DesiredState& state)
{
    const auto tables = tables_for(root, "jump", pass.family);
    if (!tables)
        return tl::unexpected(tables.error());
    for (const auto* table : *tables) {
        auto jump = jump_of(*table, state);
        if (!jump)
            return tl::unexpected(jump.error());
        state.jumps.push_back(std::move(*jump));
    }
    return {};
}

// Chains are made in the order of the profile, and kubelet is told last.
Read<void> check_canary(const TomlValue& root, const DesiredState& state)
{
    if (!state.chains.empty() && state.chains.back().is_canary() && state.chains.back().table == Table::mangle)
        return {};
    return mistake(root.place, fmt::format("the last [[chain]] of family {} must be {} of table mangle",
                                           to_string(state.family), repair::kubelet_canary));
}

Read<DesiredState> state_of(const TomlValue& root, const Pass& pass)
{
    DesiredState state{pass.family, {}, {}};
    const auto read =
        read_chains(root, pass, state).and_then([&] { return read_jumps(root, pass, state); }).and_then([&] {
            return check_canary(root, state);
        });
    if (!read)
        return tl::unexpected(read.error());
    return state;
}

Read<Profile::Version> version_at(const TomlEntry& entry)
{
    return string_of(entry).and_then([&](std::string_view word) {
        return parse_version(word).map_error([&](const std::string& what) { return Mistake{entry.value.place, what}; });
    });
}

Read<Profile::Version> since_of(const TomlValue& root)
{
    const auto* entry = root.find("since");
    if (entry == nullptr)
        return mistake(root.place, "'since' is missing here");
    return version_at(*entry);
}

// Where a profile does not say, it was tested with the first version that it is for.
Read<Profile::Version> tested_to_of(const TomlValue& root, Profile::Version since)
{
    const auto* entry = root.find("tested_to");
    if (entry == nullptr)
        return since;
    auto tested_to = version_at(*entry);
    if (tested_to && *tested_to < since)
        return mistake(entry->value.place,
                       fmt::format("'tested_to' must not be older than 'since', {}.{}", since.major, since.minor));
    return tested_to;
}

Read<Profile> profile_of(const TomlValue& root)
{
    if (const auto known = only_known(root, root_keys, ""); !known)
        return tl::unexpected(known.error());
    const auto since = since_of(root);
    if (!since)
        return tl::unexpected(since.error());
    const auto tested_to = tested_to_of(root, *since);
    if (!tested_to)
        return tl::unexpected(tested_to.error());
    auto ipv4 = state_of(root, {Family::ipv4, *since});
    if (!ipv4)
        return tl::unexpected(ipv4.error());
    auto ipv6 = state_of(root, {Family::ipv6, *since});
    if (!ipv6)
        return tl::unexpected(ipv6.error());
    return Profile{*since, *tested_to, std::move(*ipv4), std::move(*ipv6)};
}

}  // namespace

tl::expected<Profile, std::string> parse_profile(std::string_view text, std::string_view name)
{
    return parse_toml(text).and_then(profile_of).map_error([&](const Mistake& mistake) {
        return to_string(name, mistake);
    });
}

}  // namespace chainkeeper::policies
