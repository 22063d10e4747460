// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/decide.hpp"
#include "repair/desired.hpp"
#include "repair/iptables_variant.hpp"
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

// What restarts of iptables do on the distributions, as their own scripts do it. `nft flush ruleset` is of nft alone.
std::vector<Scenario> scenarios(repair::IptablesVariant variant);

// The commands with which kubelet makes its chains.
std::vector<CommandLine> kubelet_commands(const repair::DesiredState& desired);
// `iptables -C` for each rule and jump, and `-S` for each chain: they succeed when kubelet would find its own.
std::vector<CommandLine> check_commands(const repair::DesiredState& desired);

// Those commands name iptables plainly. The same with the name that the program of a variant has beside the other's:
// "ip6tables-restore" becomes "ip6tables-legacy-restore".
CommandLine of_variant(CommandLine command, repair::IptablesVariant variant);

}  // namespace chainkeeper::daemon
