// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/keeper.hpp"
#include "policies/policy.hpp"
#include "policies/policy_file.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <tl/expected.hpp>

namespace chainkeeper::daemon {

// The policy of `file`; else of the usual place; else, where nothing is there, the defaults.
tl::expected<policies::Policy, policies::PolicyError>
load_effective_policy(const std::optional<std::filesystem::path>& file);

// What a keeper needs to know, from the policy and from what this machine says of its backend. The error is a sentence.
tl::expected<Keeper::Settings, std::string> make_settings(const policies::Policy& policy);

// The guarded sets of the families that the policy guards.
tl::expected<std::vector<repair::DesiredState>, std::string> guarded_sets(const policies::Policy& policy);

}  // namespace chainkeeper::daemon
