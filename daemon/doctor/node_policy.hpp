// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/root.hpp"
#include "policies/policy.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace chainkeeper::daemon::doctor {

// What the policy says of doctor's checks.
struct Thresholds {
    policies::Policy::Doctor values;
    std::vector<std::string> disruptors;  // units that rewrite the firewall
    std::string error;                    // a sentence: why the policy was refused, and the defaults count
};

// Of `file` on this machine; else of /etc/chainkeeper/chainkeeper.toml and its drop-ins in that root, where they are.
Thresholds thresholds_of(const Root& root, const std::optional<std::filesystem::path>& file);

}  // namespace chainkeeper::daemon::doctor
