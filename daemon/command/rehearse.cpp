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

tl::expected<Keeper::Settings, std::string> rehearsal_settings(const CommandOptions& options)
{
    return load_effective_policy(options.policy.policy)
        .map_error([](const auto& error) { return error.what; })
        .and_then([](const policies::Policy& policy) { return make_settings(policy, gather_backend_evidence()); })
        .and_then([](Keeper::Settings settings) -> tl::expected<Keeper::Settings, std::string> {
            if (settings.backend.iptables_says != KnownBackend::nft)
                return tl::unexpected(
                    fmt::format("the iptables of this machine is not iptables-nft ({}): nothing to rehearse",
                                settings.backend.describe()));
            // The rehearsal is about the machine and the decisions: it writes whatever the policy's mode is.
            settings.policy.repair.mode = policies::Mode::repair;
            settings.dry_run = false;
            settings.timing = rehearsal_timing(settings.policy);
            settings.backend.remembered = std::nullopt;
            return settings;
        });
}

void print_text(const Rehearsed& rehearsed)
{
    fmt::print("{}\n", timeline_text(rehearsed));
    std::fflush(stdout);
}

}  // namespace

int run_rehearse(const CommandOptions& options)
{
    const auto settings = rehearsal_settings(options);
    if (!settings)
        return give_up(options, settings.error());
    block_child_signals();
    if (const auto rooted = become_root_somewhere(); !rooted)
        return give_up(options, rooted.error().what);
    auto all = nlohmann::json::array();
    std::size_t healed = 0;
    for (const auto& scenario : scenarios()) {
        const auto rehearsed = rehearse(scenario, *settings);
        if (!rehearsed)
            return give_up(options, rehearsed.error().what);
        healed += rehearsed->healed() ? 1 : 0;
        if (options.json)
            all.push_back(timeline_json(*rehearsed));
        else
            print_text(*rehearsed);
    }
    if (options.json)
        print_json({{"scenarios", std::move(all)}, {"healed", healed == scenarios().size()}});
    else
        fmt::print("{} of {} scenarios healed\n", healed, scenarios().size());
    return healed == scenarios().size() ? exit_healthy : exit_findings;
}

}  // namespace chainkeeper::daemon
