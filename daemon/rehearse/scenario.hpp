// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/decide.hpp"
#include "repair/desired.hpp"
#include "repair/process/child_process.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::daemon {

using repair::CommandLine;

// A command that is given a text to read.
struct ScenarioCommand {
    CommandLine command;
    std::string input;
};

// Something that happens to the ruleset of a node, and what the decision table says of it.
struct Scenario {
    std::string_view name;
    std::vector<ScenarioCommand> commands;
    // The decisions that repair, in this order and in each family; kubelet never comes back in a rehearsal.
    std::vector<policies::Row> repairs;
};

// What restarts of iptables do on the distributions, as their own scripts do it.
const std::vector<Scenario>& scenarios();

// The commands with which kubelet makes its chains.
std::vector<CommandLine> kubelet_commands(const repair::DesiredState& desired);
// `iptables -C` for each rule and jump, and `-S` for each chain: they succeed when kubelet would find its own.
std::vector<CommandLine> check_commands(const repair::DesiredState& desired);

}  // namespace chainkeeper::daemon
