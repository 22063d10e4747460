// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/survey.hpp"

#include <algorithm>
#include <utility>

namespace chainkeeper::repair {

namespace {

// The entry of that name, which is made where there is none. (No C++20 map makes one of a string_view.)
auto& entry_of(auto& map, std::string_view name)
{
    const auto found = map.find(name);
    return found != map.end() ? found->second : map[std::string{name}];
}

const auto* find_in(const auto& map, std::string_view name)
{
    const auto found = map.find(name);
    return found == map.end() ? nullptr : &found->second;
}

bool has_target(const SurveyedRule& rule, std::string_view of_iptables, std::string_view of_nft)
{
    return rule.end == SurveyedRule::End::other &&
           (rule.words.ends_with(of_iptables) || rule.words == of_nft ||
            (rule.words.ends_with(of_nft) && rule.words[rule.words.size() - of_nft.size() - 1] == ' '));
}

Obstacle obstacle_of(std::string_view name, const SurveyedChain& chain)
{
    auto end = chain.ending.value_or(SurveyedRule::End::other);
    if (chain.policy && end == SurveyedRule::End::return_)
        end = *chain.policy == Verdict::drop ? SurveyedRule::End::drop : SurveyedRule::End::accept;
    return {.chain = std::string{name}, .end = end, .accepts_some = chain.accepts_some};
}

}  // namespace

bool ends_all(const SurveyedRule& rule)
{
    if (rule.narrows)
        return false;
    switch (rule.end) {
    case SurveyedRule::End::accept:
    case SurveyedRule::End::drop:
    case SurveyedRule::End::return_: return true;
    case SurveyedRule::End::jump: return !rule.comes_back;
    case SurveyedRule::End::other: return has_target(rule, "target:REJECT", "reject");
    }
    return false;
}

const SurveyedChain* Survey::find(std::string_view table, std::string_view chain) const
{
    const auto* const found = find_in(tables, table);
    return found == nullptr ? nullptr : find_in(found->chains, chain);
}

std::optional<Obstacle> Survey::obstacle(std::string_view table, std::string_view base, std::string_view chain) const
{
    const auto* const from = find(table, base);
    if (from == nullptr)
        return Obstacle{};
    const auto& jumps = from->jumps;
    const auto way = static_cast<std::size_t>(std::ranges::find(jumps, chain) - jumps.begin());
    if (way == jumps.size())
        return Obstacle{};
    for (std::size_t before = 0; before < std::min(way, from->jumps_reached); ++before)
        if (const auto* const between = find(table, jumps[before]); between != nullptr && between->keeps_all)
            return obstacle_of(jumps[before], *between);
    if (way >= from->jumps_reached)
        return obstacle_of(base, *from);
    return std::nullopt;
}

void Surveyor::begin_again()
{
    before_ = std::exchange(survey_, {});
    table_ = nullptr;
    chain_ = nullptr;
    entered_.clear();
    is_counted_ = false;
    fingerprints_.clear();
}

void Surveyor::add_chain(const SurveyedHeader& header)
{
    auto& added = entry_of(entry_of(survey_.tables, header.table).chains, header.chain);
    added.policy = header.policy;
    added.references = header.uses.value_or(added.references);
    is_counted_ = header.uses.has_value();
}

void Surveyor::add_rule(const SurveyedRule& rule)
{
    enter(rule.table, rule.chain);
    ++table_->rules;
    ++chain_->rules;
    if (is_counted_ && chain_->references > 0)
        --chain_->references;
    const bool is_repeated = !fingerprints_.insert(rule.fingerprint).second;
    if (is_repeated)
        ++chain_->repeated;
    const bool is_bare =
        !rule.narrows && (rule.end == SurveyedRule::End::drop || rule.end == SurveyedRule::End::return_);
    if (is_bare && chain_->bare.size() < SurveyedChain::most_bare)
        chain_->bare.push_back({.number = chain_->rules,
                                .verdict = rule.end == SurveyedRule::End::drop ? Verdict::drop : Verdict::return_});
    if (rule.end == SurveyedRule::End::jump)
        count_jump(rule, is_repeated);
    chain_->masquerades = chain_->masquerades || has_target(rule, "target:MASQUERADE", "masq");
    sends_back_ = sends_back_ || rule.end == SurveyedRule::End::return_ || !rule.comes_back;
    if (!chain_->ending && ends_all(rule)) {
        chain_->ending = rule.end;
        chain_->keeps_all = !sends_back_;
    }
    chain_->accepts_some = chain_->accepts_some || (!chain_->ending && rule.end == SurveyedRule::End::accept);
}

void Surveyor::enter(std::string_view table, std::string_view chain)
{
    auto& there = entry_of(survey_.tables, table);
    if (&there == table_ && entered_ == chain)
        return;
    table_ = &there;
    chain_ = &entry_of(there.chains, chain);
    entered_ = chain;
    sends_back_ = false;
    fingerprints_.clear();
}

void Surveyor::count_jump(const SurveyedRule& rule, bool is_repeated)
{
    if (chain_->policy && !rule.narrows && !is_repeated) {
        chain_->jumps.emplace_back(rule.jump_to);
        chain_->jumps_reached += chain_->ending ? 0 : 1;
    }
    if (chain_->policy && is_repeated)
        chain_->repeated_jumps.emplace(rule.jump_to);
    if (!is_counted_)
        ++entry_of(table_->chains, rule.jump_to).references;
}

}  // namespace chainkeeper::repair
