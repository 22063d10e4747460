// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/policy_source.hpp"

#include "daemon/state_file.hpp"
#include "policies/profile.hpp"

namespace chainkeeper::daemon {

tl::expected<policies::SourcedPolicy, policies::PolicyError>
load_effective_sourced_policy(const std::optional<std::filesystem::path>& file)
{
    if (file)
        return policies::load_sourced_policy(*file);
    std::error_code error;
    if (!std::filesystem::exists(policies::default_policy_path, error))
        return policies::SourcedPolicy{};
    return policies::load_sourced_policy(policies::default_policy_path);
}

tl::expected<policies::Policy, policies::PolicyError>
load_effective_policy(const std::optional<std::filesystem::path>& file)
{
    return load_effective_sourced_policy(file).map(
        [](policies::SourcedPolicy&& sourced) { return std::move(sourced.policy); });
}

namespace {

std::string_view effective_version(const policies::Policy& policy, std::string_view kubelet_version)
{
    const bool asks_kubelet = policy.kubelet.version == "auto" && policies::profile_named(kubelet_version);
    return asks_kubelet ? kubelet_version : std::string_view{policy.kubelet.version};
}

// Nothing while the version is not known.
std::optional<bool> is_newer_than_profiles(std::string_view version)
{
    const auto parsed = policies::parse_version(version);
    return parsed ? std::optional{policies::is_newer_than_known(*parsed)} : std::nullopt;
}

// What a kubelet makes that no profile was tested with is kubelet's to say: it is made to say it.
policies::Policy for_version(policies::Policy policy, std::string_view version)
{
    if (is_newer_than_profiles(version) == true)
        policy.repair.strategy = policies::Strategy::nudge;
    return policy;
}

tl::expected<std::vector<repair::DesiredState>, std::string> sets_of(const policies::Policy& policy,
                                                                     std::string_view version)
{
    return policies::profile_named(version).map([&](const auto& profile) {
        std::vector<repair::DesiredState> sets;
        for (const auto family : policy.guard.families)
            sets.push_back(profile.of(family));
        return sets;
    });
}

}  // namespace

tl::expected<std::vector<repair::DesiredState>, std::string> guarded_sets(const policies::Policy& policy)
{
    return sets_of(policy, policy.kubelet.version);
}

BackendEvidence gather_backend_evidence()
{
    return {.remembered = remembered_backend(state_directory()), .iptables_says = ask_iptables()};
}

tl::expected<Keeper::Settings, std::string> make_settings(const policies::Policy& policy, BackendEvidence backend,
                                                          std::string_view kubelet_version)
{
    const auto version = effective_version(policy, kubelet_version);
    backend.policy = policy.guard.backend;
    return sets_of(policy, version).map([&](auto sets) {
        return Keeper::Settings{
            .policy = for_version(policy, version),
            .desired = std::move(sets),
            .timing = {.monitor_interval = policy.kubelet.monitor_interval, .init_grace = policy.kubelet.init_grace},
            .newer_than_profiles = is_newer_than_profiles(version),
            .dry_run = policy.repair.mode == policies::Mode::dry_run,
            .assumed_monitor = std::nullopt,
            .backend = backend};
    });
}

}  // namespace chainkeeper::daemon
