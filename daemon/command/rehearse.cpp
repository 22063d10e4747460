// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/backend_evidence.hpp"
#include "daemon/command/command.hpp"
#include "daemon/event_loop.hpp"
#include "daemon/policy_source.hpp"
#include "daemon/rehearse/network_namespace.hpp"
#include "daemon/rehearse/rehearsal.hpp"
#include "daemon/rehearse/timeline.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

// kubelet never comes back in a rehearsal, and nobody wants to wait 75 s to see what happens then. Its deadline counts
// from the first loss, and must not pass before a slow machine has run all commands and the ruleset has settled.
KubeletTiming rehearsal_timing(const policies::Policy& policy)
{
    return {.monitor_interval = std::chrono::seconds{3},
            .flush_wait = policy.repair.settle,
            .slack = Duration::zero(),
            .init_grace = Duration::zero()};
}

using repair::IptablesVariant;

// The iptables of a variant, by its own name or as the plain one.
tl::expected<RehearsedIptables, std::string> find_iptables(IptablesVariant variant, const BackendEvidence& evidence)
{
    if (repair::has_command(fmt::format("iptables-{}", to_string(variant))))
        return RehearsedIptables{.variant = variant, .has_own_names = true};
    if (evidence.iptables_says == variant)
        return RehearsedIptables{.variant = variant, .has_own_names = false};
    return tl::unexpected(fmt::format("this machine has no iptables-{0}, and its iptables is not {0} ({1}): nothing to "
                                      "rehearse",
                                      to_string(variant), evidence.describe()));
}

// "nft", "legacy", "both"; empty: this machine's own.
tl::expected<std::vector<RehearsedIptables>, std::string> chosen_iptables(const std::string& choice,
                                                                          const BackendEvidence& evidence)
{
    std::vector<IptablesVariant> variants;
    if (!choice.empty() && choice != "legacy")
        variants.push_back(IptablesVariant::nft);
    if (choice == "legacy" || choice == "both")
        variants.push_back(IptablesVariant::legacy);
    if (choice.empty() && evidence.iptables_says)
        return std::vector{RehearsedIptables{.variant = *evidence.iptables_says, .has_own_names = false}};
    if (choice.empty())
        return tl::unexpected(std::string{"this machine has no iptables that says what it is: nothing to rehearse"});
    std::vector<RehearsedIptables> chosen;
    for (const auto variant : variants) {
        const auto found = find_iptables(variant, evidence);
        if (!found)
            return tl::unexpected(found.error());
        chosen.push_back(*found);
    }
    return chosen;
}

tl::expected<Keeper::Settings, std::string> rehearsal_settings(const CommandOptions& options)
{
    return load_effective_policy(options.policy.policy)
        .map_error([](const auto& error) { return error.what; })
        .and_then([](const policies::Policy& policy) { return make_settings(policy, gather_backend_evidence()); });
}

// The rehearsal is about the machine and the decisions: it writes whatever the policy's mode is, and where it is told.
Keeper::Settings settings_for(Keeper::Settings settings, IptablesVariant variant)
{
    const bool is_nft = variant == IptablesVariant::nft;
    settings.policy.repair.mode = policies::Mode::repair;
    settings.policy.guard.backend = is_nft ? policies::BackendChoice::nft : policies::BackendChoice::legacy;
    // Nobody waits for what a scenario is not about.
    settings.policy.guard.legacy_poll = std::chrono::milliseconds{200};
    settings.dry_run = false;
    settings.timing = rehearsal_timing(settings.policy);
    settings.backend = {.policy = settings.policy.guard.backend, .present = {}};
    return settings;
}

void print_text(const Rehearsed& rehearsed)
{
    fmt::print("{}\n", timeline_text(rehearsed));
    std::fflush(stdout);
}

struct Tally {
    std::size_t played = 0;
    std::size_t healed = 0;
    nlohmann::json all = nlohmann::json::array();
};

tl::expected<void, std::string> play(const CommandOptions& options, const RehearsedIptables& iptables,
                                     const Keeper::Settings& settings, Tally& tally)
{
    const auto variant_settings = settings_for(settings, iptables.variant);
    for (const auto& scenario : scenarios(iptables.variant)) {
        const auto rehearsed = rehearse(scenario, iptables, variant_settings);
        if (!rehearsed)
            return tl::unexpected(rehearsed.error().what);
        ++tally.played;
        tally.healed += rehearsed->healed() ? 1 : 0;
        if (!options.json) {
            print_text(*rehearsed);
            continue;
        }
        tally.all.push_back(timeline_json(*rehearsed));
        tally.all.back()["backend"] = to_string(iptables.variant);
    }
    return {};
}

}  // namespace

int run_rehearse(const CommandOptions& options, const std::string& backend)
{
    const auto settings = rehearsal_settings(options);
    if (!settings)
        return give_up(options, settings.error());
    const auto chosen = chosen_iptables(backend, settings->backend);
    if (!chosen)
        return give_up(options, chosen.error());
    block_child_signals();
    if (const auto moved = become_root_somewhere().and_then(cover_run); !moved)
        return give_up(options, moved.error().what);
    Tally tally;
    for (const auto& iptables : *chosen) {
        if (chosen->size() > 1 && !options.json)
            fmt::print("-- iptables-{}\n\n", to_string(iptables.variant));
        if (const auto played = play(options, iptables, *settings, tally); !played)
            return give_up(options, played.error());
    }
    const bool all_healed = tally.healed == tally.played;
    if (options.json)
        print_json({{"scenarios", std::move(tally.all)}, {"healed", all_healed}});
    else
        fmt::print("{} of {} scenarios healed\n", tally.healed, tally.played);
    return all_healed ? exit_healthy : exit_findings;
}

}  // namespace chainkeeper::daemon
