// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/looked.hpp"

#include "daemon/report_text.hpp"
#include "repair/json.hpp"
#include "repair/restore_text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

using nlohmann::json;

void add_lines(json& lines, const Report& report)
{
    for (const auto& line : lines_of(report))
        lines.push_back(line.text);
}

json family_json(const FamilyLook& look)
{
    auto lines = json::array();
    add_lines(lines, look.decided);
    if (look.committed)
        add_lines(lines, *look.committed);
    if (look.verified)
        add_lines(lines, *look.verified);
    return {{"family", to_string(look.decided.diagnosis.family)},
            {"decision", to_string(look.decided.decision)},
            {"diagnosis", repair::to_json(look.decided.diagnosis)},
            {"plan", repair::to_json(look.decided.plan)},
            {"lines", std::move(lines)}};
}

json outcome_json(const Committed& committed)
{
    return {{"kind", to_string(committed.outcome.kind)},
            {"generation", committed.outcome.generation},
            {"detail", committed.outcome.detail},
            {"stale_commits", committed.stale_commits}};
}

}  // namespace

void LookSink::report(const Report& report)
{
    if (const auto* const decided = std::get_if<Decided>(&report))
        // A stale commit decides again, and the last decision counts.
        look_of(decided->diagnosis.family) = {.decided = *decided, .committed = std::nullopt, .verified = std::nullopt};
    else if (const auto* const committed = std::get_if<Committed>(&report))
        look_of(committed->plan.family).committed = *committed;
    else if (const auto* const verified = std::get_if<Verified>(&report))
        look_of(verified->after.family).verified = *verified;
    else if (const auto* const trouble = std::get_if<Trouble>(&report))
        looked_.troubles.push_back(trouble->what);
}

FamilyLook& LookSink::look_of(repair::Family family)
{
    const auto found = std::ranges::find(looked_.families, family,
                                         [](const FamilyLook& look) { return look.decided.diagnosis.family; });
    if (found != looked_.families.end())
        return *found;
    auto& look = looked_.families.emplace_back();
    look.decided.diagnosis.family = family;
    return look;
}

json plan_json(const Looked& looked)
{
    auto families = json::array();
    for (const auto& look : looked.families) {
        auto& family = families.emplace_back(family_json(look));
        family["restore"] = repair::restore_text(look.decided.plan);
    }
    return {{"families", std::move(families)}, {"errors", looked.troubles}};
}

json repair_json(const Looked& looked)
{
    auto families = json::array();
    for (const auto& look : looked.families) {
        auto& family = families.emplace_back(family_json(look));
        if (look.committed)
            family["outcome"] = outcome_json(*look.committed);
        if (look.verified)
            family["verified"] = look.verified->fulfilled;
    }
    return {{"families", std::move(families)}, {"errors", looked.troubles}};
}

}  // namespace chainkeeper::daemon
