// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/rule_count_check.hpp"

#include "daemon/doctor/doctor_metrics.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>

namespace chainkeeper::daemon::doctor {

namespace {

// Of which others there may be any number, with any name, share one label.
std::string label_of_table(std::string_view name)
{
    return is_table_of_iptables(name) || name == kube_proxy_table ? std::string{name} : "other";
}

void add_figures(Judgement& judgement, const Place& place, const repair::Survey& survey)
{
    std::map<std::string, std::uint64_t> rules;
    for (const auto& [name, table] : survey.tables)
        rules[label_of_table(name)] += table.rules;
    for (const auto& [table, count] : rules)
        judgement.figures.push_back({.metric = std::string{rules_metric},
                                     .labels = {{"backend", std::string{to_string(place.variant)}},
                                                {"family", std::string{to_string(place.family)}},
                                                {"table", table}},
                                     .value = count});
}

void judge(Judgement& judgement, const Place& place, const repair::Survey& survey, std::size_t limit)
{
    add_figures(judgement, place, survey);
    std::vector<std::string> counts;
    auto verdict = Verdict::ok;
    for (const auto& [name, table] : survey.tables) {
        if (table.rules == 0)
            continue;
        counts.push_back(fmt::format("{} {}", name, table.rules));
        if (table.rules > limit)
            verdict = Verdict::warning;
    }
    if (counts.empty())
        return;
    auto seen = fmt::format("{}: {} rules", to_string(place), fmt::join(counts, ", "));
    if (verdict != Verdict::ok)
        seen += fmt::format(" (more than {} in one table)", limit);
    judgement.add(verdict, std::move(seen),
                  verdict == Verdict::ok ? ""
                                         : "Let kube-proxy use its nftables mode, or have fewer Services and policies");
}

}  // namespace

Judgement RuleCountCheck::examine(const Node& node) const
{
    auto judgement = examine_rulesets(node, [&](Judgement& all, const Place& place, const repair::Survey& survey) {
        judge(all, place, survey, node.thresholds.rule_limit);
    });
    if (judgement.evidence.empty())
        judgement.add(Verdict::ok, "there are no rules");
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
