// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/check.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace chainkeeper::daemon::doctor {

std::string_view to_string(Verdict verdict)
{
    switch (verdict) {
    case Verdict::critical: return "critical";
    case Verdict::warning: return "warning";
    case Verdict::unknown: return "unknown";
    case Verdict::ok: return "ok";
    case Verdict::not_applicable: return "not_applicable";
    }
    return "";
}

std::string_view label_of(Verdict verdict)
{
    return verdict == Verdict::not_applicable ? "n/a" : to_string(verdict);
}

void Judgement::add(Verdict worst, std::string seen, std::string_view step)
{
    evidence.insert(worst < verdict ? evidence.begin() : evidence.end(), std::move(seen));
    if (worst < verdict || next_step.empty())
        next_step = step;
    verdict = std::min(verdict, worst);
}

void Judgement::add_unknown(std::string reason)
{
    add(Verdict::unknown, std::move(reason), "Run it as root, or see what is wrong with that file");
}

Judgement examine_rulesets(const Node& node,
                           const std::function<void(Judgement&, const Place&, const repair::Survey&)>& judge)
{
    if (node.is_image())
        return {.verdict = Verdict::not_applicable, .evidence = {"an image has no ruleset"}, .next_step = {}};
    Judgement judgement;
    for (const auto& place : all_places) {
        const auto& survey = node.rulesets.at(place);
        if (survey)
            judge(judgement, place, *survey);
        else
            judgement.add(Verdict::unknown, fmt::format("{}: {}", to_string(place), survey.error()),
                          "Run it as root, and again where the ruleset was changing");
    }
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
