// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/keeper.hpp"
#include "policies/policy.hpp"
#include "policies/policy_file.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace chainkeeper::daemon {

// The policy of `file`; else of the usual place; else, where nothing is there, the defaults.
tl::expected<policies::Policy, policies::PolicyError>
load_effective_policy(const std::optional<std::filesystem::path>& file);

// The same, with where each value was written.
tl::expected<policies::SourcedPolicy, policies::PolicyError>
load_effective_sourced_policy(const std::optional<std::filesystem::path>& file);

// What this machine says of its backend now. Runs iptables: not for the loop.
BackendEvidence gather_backend_evidence();

// What a keeper needs to know. `kubelet_version` is that of the kubelet that runs; it counts where it is known and the
// policy leaves it to kubelet. The error is a sentence.
tl::expected<Keeper::Settings, std::string> make_settings(const policies::Policy& policy, BackendEvidence backend,
                                                          std::string_view kubelet_version = "");

// The guarded sets of the families that the policy guards.
tl::expected<std::vector<repair::DesiredState>, std::string> guarded_sets(const policies::Policy& policy);

}  // namespace chainkeeper::daemon
