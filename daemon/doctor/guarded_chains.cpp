// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/guarded_chains.hpp"

#include "daemon/api/daemon_in_charge.hpp"
#include "daemon/json_read.hpp"
#include "daemon/one_look.hpp"
#include "repair/finding.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon::doctor {

namespace {

constexpr Duration patience = std::chrono::seconds{3};

GuardedChains::Family family_in(const nlohmann::json& family)
{
    GuardedChains::Family seen{.name = text_member(family, "family"),
                               .decision = text_member(family, "decision"),
                               .findings = {},
                               .guarded = flag_member(family, "guarded")};
    for (const auto& finding : array_member(member(family, "diagnosis"), "findings"))
        seen.findings.push_back(text_member(finding, "text"));
    if (text_member(family, "source") == "journal")
        seen.monitor_by_journal = text_member(family, "monitor");
    return seen;
}

GuardedChains::Family family_of(const FamilyLook& look)
{
    const auto& diagnosis = look.decided.diagnosis;
    GuardedChains::Family seen{.name = std::string{to_string(diagnosis.family)},
                               .decision = to_string(look.decided.decision),
                               .findings = {},
                               .guarded = true};
    for (const auto& finding : diagnosis.findings)
        seen.findings.push_back(describe(diagnosis.family, finding));
    return seen;
}

tl::expected<GuardedChains, std::string> from_looked(const Looked& looked)
{
    if (!looked.troubles.empty())
        return tl::unexpected(looked.troubles.front());
    GuardedChains chains{
        .families = {}, .daemon_runs = false, .held_back = looked.held_back, .opted_out = looked.opted_out};
    for (const auto& look : looked.families)
        chains.families.push_back(family_of(look));
    return chains;
}

}  // namespace

const GuardedChains::Family* GuardedChains::family(std::string_view name) const
{
    const auto found = std::ranges::find(families, name, &Family::name);
    return found == families.end() ? nullptr : &*found;
}

GuardedChains guarded_chains_in(const nlohmann::json& status)
{
    GuardedChains chains{
        .families = {}, .daemon_runs = true, .held_back = text_member(status, "mode") != "repair", .opted_out = {}};
    for (const auto& family : array_member(status, "families"))
        chains.families.push_back(family_in(family));
    if (flag_member(member(status, "kubelet"), "opted_out"))
        chains.opted_out = "its configuration says makeIPTablesUtilChains: false";
    return chains;
}

tl::expected<GuardedChains, std::string> look_at_guarded_chains(const PolicyOptions& options)
{
    if (const auto daemon = daemon_in_charge(options, patience)) {
        const auto status = daemon->check();
        if (!status)
            return tl::unexpected(status.error());
        auto chains = guarded_chains_in(*status);
        if (chains.families.empty())
            return tl::unexpected(
                std::string{"chainkeeperd could not look at the ruleset: `journalctl -u chainkeeperd` says why"});
        return chains;
    }
    constexpr bool dry_run = true;
    return look_once(options, dry_run).and_then(from_looked);
}

}  // namespace chainkeeper::daemon::doctor
