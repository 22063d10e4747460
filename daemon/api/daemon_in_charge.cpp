// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/daemon_in_charge.hpp"

namespace chainkeeper::daemon {

std::optional<DaemonClient> daemon_in_charge(const PolicyOptions& options, Duration patience)
{
    if (options.policy || options.assumed_monitor)
        return std::nullopt;
    auto client = DaemonClient::find(patience);
    return client ? std::optional{*std::move(client)} : std::nullopt;
}

}  // namespace chainkeeper::daemon
