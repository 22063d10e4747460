// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/daemon_in_charge.hpp"
#include "daemon/command/command.hpp"
#include "daemon/json_read.hpp"
#include "daemon/one_look.hpp"
#include "repair/printable.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

using nlohmann::json;

bool is_assist(const json& family)
{
    return text_member(family, "decision").ends_with(": assist");
}

void print_text(const json& repaired)
{
    for (const auto& family : array_member(repaired, "families")) {
        for (const auto& line : array_member(family, "lines"))
            if (line.is_string())
                fmt::print("{}\n", repair::printable(line.get<std::string>()));
        if (is_assist(family))
            fmt::print("{}: the canaries are left to kubelet, so that it notices the flush; run this again when it has "
                       "not put them back\n",
                       repair::printable(text_member(family, "family")));
    }
}

// Healthy, or mended as the decision table says: what is left after an assist is kubelet's to do.
bool is_well(const json& family)
{
    if (array_member(member(family, "diagnosis"), "findings").empty())
        return true;
    if (const auto& verified = member(family, "verified"); verified.is_boolean())
        return verified.get<bool>();
    return is_assist(family) && array_member(member(family, "plan"), "steps").empty();
}

bool is_denied(const json& family)
{
    return text_member(member(family, "outcome"), "kind") == "denied";
}

int exit_code_of(const json& families)
{
    if (std::ranges::any_of(families, is_denied))
        return exit_unknown;
    return std::ranges::all_of(families, is_well) ? exit_healthy : exit_findings;
}

}  // namespace

int run_repair(const CommandOptions& options, bool dry_run)
{
    const auto daemon = daemon_in_charge(options.policy);
    const auto repaired = daemon ? daemon->repair(dry_run) : look_once(options.policy, dry_run).map(repair_json);
    if (!repaired)
        return give_up(options, repaired.error());
    if (options.json)
        print_json(*repaired);
    else
        print_text(*repaired);
    if (const auto& errors = array_member(*repaired, "errors"); !errors.empty())
        return options.json ? exit_unknown
                            : give_up(options, errors[0].is_string() ? errors[0].get<std::string>() : errors.dump());
    return exit_code_of(array_member(*repaired, "families"));
}

}  // namespace chainkeeper::daemon
