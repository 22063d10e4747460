// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/baseline/normal_ruleset.hpp"

#include "daemon/baseline/normal_name.hpp"
#include "daemon/doctor/owned_chains.hpp"
#include "repair/legacy/survey.hpp"
#include "repair/nft/survey.hpp"
#include "repair/printable.hpp"

#include <chrono>
#include <utility>

namespace chainkeeper::daemon::baseline {

namespace {

using repair::SurveyedRule;

// While kube-proxy writes, again and again: many Services take some 4 s.
constexpr std::chrono::seconds patience{15};

bool is_owned(std::string_view table, std::string_view chain)
{
    return table == doctor::kube_proxy_table || doctor::owner_of(table, chain) != nullptr;
}

// Says no more than that there is such a chain, as there is wherever anybody has used the table.
bool is_plain(const ChainName& name, const NormalChain& chain)
{
    return !is_owned(name.table, name.chain) && chain.rules.empty() && chain.policy != repair::Verdict::drop;
}

std::string_view verb_of(SurveyedRule::End end)
{
    switch (end) {
    case SurveyedRule::End::accept: return "accept";
    case SurveyedRule::End::drop: return "drop";
    case SurveyedRule::End::return_: return "return";
    case SurveyedRule::End::jump: return "jump ";
    case SurveyedRule::End::other: return "";
    }
    return "";
}

void write_kind(std::string& kind, const SurveyedRule& rule)
{
    kind = rule.words;
    const auto verb = verb_of(rule.end);
    if (!kind.empty() && !verb.empty())
        kind += ' ';
    kind += verb;
    if (rule.end == SurveyedRule::End::jump)
        kind += normal_name(rule.table, rule.jump_to);
    if (kind.empty())
        kind = "nothing";
}

repair::Result<void> read(const Place& place, repair::RulesetSink& sink)
{
    return place.variant == repair::IptablesVariant::nft ? repair::nft::survey(place.family, patience, sink)
                                                         : repair::legacy::survey(place.family, sink);
}

}  // namespace

void NormalRuleset::begin_again()
{
    before_ = std::exchange(baseline_, {});
    table_.clear();
    chain_.clear();
    entered_ = nullptr;
}

void NormalRuleset::add_chain(const repair::SurveyedHeader& header)
{
    // The base chains of other tables of nf_tables are their owners' business.
    const bool is_shared = header.policy && doctor::is_table_of_iptables(header.table);
    if (!is_shared && !is_owned(header.table, header.chain))
        return;
    const auto [entry, is_new] = baseline_.try_emplace(
        {.place = place_, .table = repair::printable(header.table), .chain = normal_name(header.table, header.chain)});
    if (is_new)
        entry->second.policy = header.policy;
    else
        ++entry->second.chains;
}

void NormalRuleset::enter(const SurveyedRule& rule)
{
    if (entered_ != nullptr && table_ == rule.table && chain_ == rule.chain)
        return;
    table_ = rule.table;
    chain_ = rule.chain;
    is_owned_ = is_owned(table_, chain_);
    const auto found =
        baseline_.find({.place = place_, .table = repair::printable(table_), .chain = normal_name(table_, chain_)});
    entered_ = found == baseline_.end() ? nullptr : &found->second;
}

void NormalRuleset::add_rule(const SurveyedRule& rule)
{
    enter(rule);
    if (entered_ != nullptr)
        ++entered_->rule_count;
    const bool leads_in = rule.end == SurveyedRule::End::jump && is_owned(rule.table, rule.jump_to);
    if (entered_ == nullptr || (!is_owned_ && !leads_in && !ends_all(rule)))
        return;
    write_kind(kind_, rule);
    if (!entered_->rules.contains(kind_))
        entered_->rules.insert(kind_);
}

Baseline NormalRuleset::finish() &&
{
    std::erase_if(baseline_, [](const auto& entry) { return is_plain(entry.first, entry.second); });
    return std::move(baseline_);
}

repair::Result<Baseline> read_baseline()
{
    Baseline baseline;
    for (const auto& place : doctor::all_places) {
        NormalRuleset ruleset{place};
        if (const auto done = read(place, ruleset); !done)
            return tl::unexpected(done.error());
        baseline.merge(std::move(ruleset).finish());
    }
    return baseline;
}

}  // namespace chainkeeper::daemon::baseline
