// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/keeper.hpp"
#include "daemon/rehearse/scenario.hpp"
#include "daemon/report.hpp"
#include "repair/error.hpp"

#include <string>
#include <vector>

namespace chainkeeper::daemon {

// What one `iptables -C` or `-S` said.
struct CheckVerdict {
    CommandLine command;
    int exit_code;
};

// Whose iptables, and by which names.
struct RehearsedIptables {
    repair::IptablesVariant variant = repair::IptablesVariant::nft;
    bool has_own_names = false;  // "iptables-legacy"; else it is the plain one

    [[nodiscard]] CommandLine named(const CommandLine& command) const
    {
        return has_own_names ? of_variant(command, variant) : command;
    }
};

struct Rehearsed {
    const Scenario* scenario;
    Instant started;              // when the first command was about to be started
    Instant commands_ended;       // when the last command had ended
    std::vector<Report> reports;  // of the daemon, from the start of the commands
    std::vector<CheckVerdict> verdicts;
    std::vector<std::string> failures;  // why it did not end as it should

    [[nodiscard]] bool healed() const { return failures.empty(); }
};

// Plays one scenario in a new network namespace, into which this process moves: kubelet's chains by real commands, the
// daemon's own code, the scenario's commands, and then what is left. The error is about the machine, not the scenario.
repair::Result<Rehearsed> rehearse(const Scenario& scenario, const RehearsedIptables& iptables,
                                   const Keeper::Settings& settings);

}  // namespace chainkeeper::daemon
