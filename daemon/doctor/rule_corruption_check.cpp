// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/rule_corruption_check.hpp"

#include "daemon/doctor/owned_chains.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <string_view>
#include <utility>
#include <vector>

namespace chainkeeper::daemon::doctor {

namespace {

using repair::BareVerdict;
using repair::SurveyedChain;

// Of a chain of many the first are named.
constexpr std::size_t most_named = 5;

// The first rule that makes all behind it pointless, or that stands where none for all packets may stand.
const BareVerdict* corrupt_rule(const OwnedChains& owner, const SurveyedChain& chain)
{
    const auto is_corrupt = [&](const BareVerdict& bare) {
        return owner.last_rule == LastRule::narrows || bare.number < chain.rules;
    };
    const auto found = std::ranges::find_if(chain.bare, is_corrupt);
    return found == chain.bare.end() ? nullptr : &*found;
}

std::string describe(const Place& place, std::string_view table, std::string_view chain, const BareVerdict& bare)
{
    const bool drops = bare.verdict == repair::Verdict::drop;
    return fmt::format("{}: {} {}: rule {} {} every packet", to_string(place), table, chain, bare.number,
                       drops ? "drops" : "sends back");
}

// What is to be done with it.
std::string step_for(const Place& place, std::string_view table, std::string_view chain, const BareVerdict& bare)
{
    constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    constexpr std::string_view then =
        "have its owner write its rules again (restart it), and find who rewrites them: `chainkeeper history`";
    // No command is made of a name that a shell would take for more than a name, nor for a table that iptables lacks.
    if (!is_table_of_iptables(table) || chain.find_first_not_of(plain) != std::string_view::npos)
        return fmt::format("Take it out; then {}", then);
    return fmt::format("`{} -D {} {}` takes it out; then {}", command_for(place, table), chain, bare.number, then);
}

struct Corruption {
    Place place;
    std::string_view table;
    std::string_view chain;
    BareVerdict bare;
    Verdict verdict = Verdict::warning;
};

// What kubelet itself relies on, then what breaks most.
auto rank_of(const Corruption& corruption)
{
    return std::pair{corruption.chain != "KUBE-FIREWALL", corruption.verdict};
}

void find_in_table(std::vector<Corruption>& found, const Place& place, std::string_view table,
                   const repair::SurveyedTable& surveyed)
{
    for (const auto& [name, chain] : surveyed.chains) {
        const auto* const owner = owner_of(table, name);
        const auto* const bare = owner == nullptr ? nullptr : corrupt_rule(*owner, chain);
        if (bare == nullptr)
            continue;
        const bool is_grave = bare->verdict == repair::Verdict::drop || owner->last_rule == LastRule::narrows;
        found.push_back({.place = place,
                         .table = table,
                         .chain = name,
                         .bare = *bare,
                         .verdict = is_grave ? Verdict::critical : Verdict::warning});
    }
}

void judge_found(Judgement& judgement, std::vector<Corruption> found)
{
    std::ranges::stable_sort(found, {}, rank_of);
    const auto named = std::min(found.size(), most_named);
    for (std::size_t index = 0; index < named; ++index) {
        const auto& [place, table, chain, bare, verdict] = found[index];
        judgement.add(verdict, describe(place, table, chain, bare), step_for(place, table, chain, bare));
    }
    if (found.size() > named)
        judgement.evidence.push_back(fmt::format("and {} chains more", found.size() - named));
}

}  // namespace

Judgement RuleCorruptionCheck::examine(const Node& node) const
{
    std::vector<Corruption> found;
    auto judgement = examine_rulesets(node, [&](Judgement&, const Place& place, const repair::Survey& survey) {
        for (const auto& [name, table] : survey.tables)
            find_in_table(found, place, name, table);
    });
    judge_found(judgement, std::move(found));
    if (judgement.evidence.empty())
        judgement.add(Verdict::ok, "every DROP and RETURN says which packets it is for");
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
