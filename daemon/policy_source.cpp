// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/policy_source.hpp"

#include "daemon/state_file.hpp"
#include "policies/profile.hpp"

namespace chainkeeper::daemon {

tl::expected<policies::Policy, policies::PolicyError>
load_effective_policy(const std::optional<std::filesystem::path>& file)
{
    if (file)
        return policies::load_policy(*file);
    std::error_code error;
    if (!std::filesystem::exists(policies::default_policy_path, error))
        return policies::Policy{};
    return policies::load_policy(policies::default_policy_path);
}

tl::expected<std::vector<repair::DesiredState>, std::string> guarded_sets(const policies::Policy& policy)
{
    return policies::profile_named(policy.kubelet.version).map([&](const auto& profile) {
        std::vector<repair::DesiredState> sets;
        for (const auto family : policy.guard.families)
            sets.push_back(profile.of(family));
        return sets;
    });
}

tl::expected<Keeper::Settings, std::string> make_settings(const policies::Policy& policy)
{
    return guarded_sets(policy).map([&](auto sets) {
        return Keeper::Settings{
            .policy = policy,
            .desired = std::move(sets),
            .timing = {.monitor_interval = policy.kubelet.monitor_interval, .init_grace = policy.kubelet.init_grace},
            .dry_run = policy.repair.mode == policies::Mode::dry_run,
            .assumed_monitor = std::nullopt,
            .backend = {.policy = policy.guard.backend,
                        .remembered = remembered_backend(state_directory()),
                        .iptables_says = ask_iptables()}};
    });
}

}  // namespace chainkeeper::daemon
