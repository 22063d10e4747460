// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/ask_daemon.hpp"

namespace chainkeeper::daemon {

std::optional<DaemonClient> daemon_in_charge(const CommandOptions& options)
{
    if (options.policy.policy || options.policy.assumed_monitor)
        return std::nullopt;
    auto client = DaemonClient::find();
    return client ? std::optional{*std::move(client)} : std::nullopt;
}

}  // namespace chainkeeper::daemon
