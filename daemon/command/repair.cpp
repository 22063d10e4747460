// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/command.hpp"
#include "daemon/command/one_look.hpp"
#include "daemon/report_text.hpp"
#include "repair/json.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

using repair::Outcome;

void print_lines(const Report& report)
{
    for (const auto& line : lines_of(report))
        fmt::print("{}\n", line.text);
}

void print_text(const Looked& looked)
{
    for (const auto& [decided, committed, verified] : looked.families) {
        print_lines(decided);
        if (committed)
            print_lines(*committed);
        if (verified)
            print_lines(*verified);
        if (decided.decision.row == policies::Row::assist)
            fmt::print("{}: the canaries are left to kubelet, so that it notices the flush; run this again when it has "
                       "not put them back\n",
                       to_string(decided.diagnosis.family));
    }
}

nlohmann::json look_json(const FamilyLook& look)
{
    nlohmann::json json{{"family", to_string(look.decided.diagnosis.family)},
                        {"decision", to_string(look.decided.decision)},
                        {"diagnosis", repair::to_json(look.decided.diagnosis)},
                        {"plan", repair::to_json(look.decided.plan)}};
    if (look.committed)
        json["outcome"] = {{"kind", to_string(look.committed->outcome.kind)},
                           {"generation", look.committed->outcome.generation},
                           {"detail", look.committed->outcome.detail},
                           {"stale_commits", look.committed->stale_commits}};
    if (look.verified)
        json["verified"] = look.verified->fulfilled;
    return json;
}

void print_report(const Looked& looked)
{
    auto families = nlohmann::json::array();
    for (const auto& look : looked.families)
        families.push_back(look_json(look));
    print_json(nlohmann::json{{"families", std::move(families)}, {"errors", looked.troubles}});
}

// Healthy, or mended as the decision table says: what is left after an assist is kubelet's to do.
bool is_well(const FamilyLook& look)
{
    if (look.decided.diagnosis.healthy())
        return true;
    if (look.verified)
        return look.verified->fulfilled;
    return look.decided.decision.row == policies::Row::assist && look.decided.plan.empty();
}

bool is_denied(const FamilyLook& look)
{
    return look.committed && look.committed->outcome.kind == Outcome::Kind::denied;
}

}  // namespace

int run_repair(const CommandOptions& options, bool dry_run)
{
    const auto looked = look_once(options, dry_run);
    if (!looked)
        return give_up(options, looked.error());
    if (options.json)
        print_report(*looked);
    else
        print_text(*looked);
    if (!looked->troubles.empty())
        return options.json ? exit_unknown : give_up(options, looked->troubles.front());
    if (std::ranges::any_of(looked->families, is_denied))
        return exit_unknown;
    return std::ranges::all_of(looked->families, is_well) ? exit_healthy : exit_findings;
}

}  // namespace chainkeeper::daemon
