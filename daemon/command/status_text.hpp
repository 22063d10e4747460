// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace chainkeeper::daemon {

// A status of the shape of daemon/status.hpp on one screen, in the order in which people ask: are kubelet's chains
// there, is kubelet listening, what would happen at a flush now, what happened last, what holds the daemon back. Where
// "no_daemon" is a sentence, no daemon answered, that is why, and the status is of a look of this command's own.
std::string status_text(const nlohmann::json& status, WallTime now, bool colours);

}  // namespace chainkeeper::daemon
