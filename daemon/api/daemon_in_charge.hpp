// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/api/client.hpp"
#include "daemon/options.hpp"

#include <optional>

namespace chainkeeper::daemon {

// The daemon that can answer in the place of this command: one that keeps this network namespace and this runtime
// directory, by the policy that is in force. Nothing where the command was given a policy or an assumption of its own,
// and where no daemon answers: then it looks by itself.
std::optional<DaemonClient> daemon_in_charge(const PolicyOptions& options,
                                             Duration patience = std::chrono::seconds{10});

}  // namespace chainkeeper::daemon
