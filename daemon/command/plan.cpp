// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/command.hpp"
#include "daemon/command/one_look.hpp"
#include "daemon/report_text.hpp"
#include "repair/json.hpp"
#include "repair/restore_text.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

std::string_view restore_command(repair::Family family)
{
    return family == repair::Family::ipv4 ? "iptables-restore --noflush" : "ip6tables-restore --noflush";
}

// Comments are for iptables-restore's parser too, so the text can be fed to it as it is, a family at a time.
void print_text(const Looked& looked)
{
    for (const auto& [decided, committed, verified] : looked.families) {
        const auto family = decided.diagnosis.family;
        const auto& plan = decided.plan;
        for (const auto& line : lines_of(decided))
            fmt::print("# {}\n", line.text);
        if (!plan.empty())
            fmt::print("# from generation {}, for {}\n{}", plan.generation, restore_command(family),
                       repair::restore_text(plan));
    }
}

void print_report(const Looked& looked)
{
    auto families = nlohmann::json::array();
    for (const auto& look : looked.families)
        families.push_back({{"family", to_string(look.decided.diagnosis.family)},
                            {"decision", to_string(look.decided.decision)},
                            {"diagnosis", repair::to_json(look.decided.diagnosis)},
                            {"plan", repair::to_json(look.decided.plan)},
                            {"restore", repair::restore_text(look.decided.plan)}});
    print_json(nlohmann::json{{"families", std::move(families)}});
}

// What would be written cannot be told while the backend is in doubt.
bool is_undecided(const FamilyLook& look)
{
    return look.decided.decision.action == policies::Action::refuse;
}

}  // namespace

int run_plan(const CommandOptions& options)
{
    constexpr bool dry_run = true;
    const auto looked = look_once(options, dry_run);
    if (!looked)
        return give_up(options, looked.error());
    if (!looked->troubles.empty())
        return give_up(options, looked->troubles.front());
    if (options.json)
        print_report(*looked);
    else
        print_text(*looked);
    if (std::ranges::any_of(looked->families, is_undecided))
        return exit_unknown;
    const auto writes = [](const FamilyLook& look) { return !look.decided.plan.empty(); };
    return std::ranges::any_of(looked->families, writes) ? exit_findings : exit_healthy;
}

}  // namespace chainkeeper::daemon
