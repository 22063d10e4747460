// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/rule_count_check.hpp"

#include "daemon/command/screen.hpp"
#include "daemon/doctor/doctor_metrics.hpp"
#include "daemon/utc_time.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <optional>
#include <vector>

namespace chainkeeper::daemon::doctor {

namespace {

// Of which others there may be any number, with any name, share one label.
std::string label_of_table(std::string_view name)
{
    return is_table_of_iptables(name) || name == kube_proxy_table ? std::string{name} : "other";
}

std::vector<Figure> figures_of(const Place& place, const repair::Survey& survey)
{
    std::map<std::string, std::uint64_t> rules;
    for (const auto& [name, table] : survey.tables)
        rules[label_of_table(name)] += table.rules;
    std::vector<Figure> figures;
    figures.reserve(rules.size());
    for (const auto& [table, count] : rules)
        figures.push_back({.metric = std::string{rules_metric},
                           .labels = {{"backend", std::string{to_string(place.variant)}},
                                      {"family", std::string{to_string(place.family)}},
                                      {"table", table}},
                           .value = count});
    return figures;
}

// "; since 2026-11-28 16:20:00 UTC: nat +3000, filter -2": what has become more or fewer. Empty where nothing has, and
// of what was not there then.
std::string growth(const std::optional<LastRun>& last, const std::vector<Figure>& now)
{
    std::vector<std::string> changes;
    for (const auto& figure : now)
        for (const auto& before : last ? last->figures : std::vector<Figure>{})
            if (before.labels == figure.labels && before.value != figure.value)
                changes.push_back(
                    fmt::format("{} {:+}", figure.labels.at("table"),
                                static_cast<std::int64_t>(figure.value) - static_cast<std::int64_t>(before.value)));
    return changes.empty()
               ? ""
               : fmt::format("; since {}: {}", clock_text(utc_text(last->looked)), fmt::join(changes, ", "));
}

// "nat 19, filter 7"
std::string counts_of(const repair::Survey& survey)
{
    std::vector<std::string> counts;
    for (const auto& [name, table] : survey.tables)
        if (table.rules > 0)
            counts.push_back(fmt::format("{} {}", name, table.rules));
    return fmt::format("{}", fmt::join(counts, ", "));
}

void judge(Judgement& judgement, const Place& place, const repair::Survey& survey, std::size_t limit,
           const std::optional<LastRun>& last)
{
    const auto figures = figures_of(place, survey);
    judgement.figures.insert(judgement.figures.end(), figures.begin(), figures.end());
    const auto counts = counts_of(survey);
    const auto change = growth(last, figures);
    if (counts.empty() && change.empty())
        return;
    const bool is_over =
        std::ranges::any_of(survey.tables, [&](const auto& table) { return table.second.rules > limit; });
    judgement.add(is_over ? Verdict::warning : Verdict::ok,
                  fmt::format("{}: {} rules{}{}", to_string(place), counts.empty() ? "no" : counts,
                              is_over ? fmt::format(" (more than {} in one table)", limit) : "", change),
                  is_over ? "Let kube-proxy use its nftables mode, or have fewer Services and policies" : "");
}

}  // namespace

Judgement RuleCountCheck::examine(const Node& node) const
{
    const auto last = last_run(node.root);
    auto judgement = examine_rulesets(node, [&](Judgement& all, const Place& place, const repair::Survey& survey) {
        judge(all, place, survey, node.thresholds.rule_limit, last);
    });
    if (judgement.evidence.empty())
        judgement.add(Verdict::ok, "there are no rules");
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
