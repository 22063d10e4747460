// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/rehearse/scenario.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <iterator>

namespace chainkeeper::daemon {

namespace {

using policies::Row;
using repair::Family;

constexpr std::array programs{"iptables", "ip6tables"};

std::string program_of(Family family)
{
    return family == Family::ipv4 ? "iptables" : "ip6tables";
}

using Commands = std::vector<ScenarioCommand>;

void add(Commands& commands, const std::string& program, const CommandLine& arguments)
{
    CommandLine command{program};
    command.insert(command.end(), arguments.begin(), arguments.end());
    commands.push_back({.command = std::move(command), .input = {}});
}

void set_default_verdicts(Commands& commands, const std::string& program, const std::string& verdict)
{
    for (const auto* const chain : {"INPUT", "FORWARD", "OUTPUT"})
        add(commands, program, {"-P", chain, verdict});
}

void empty_table(Commands& commands, const std::string& program, const std::string& table)
{
    add(commands, program, {"-t", table, "-F"});
    add(commands, program, {"-t", table, "-X"});
}

// The rules that a fresh installation restores. Filter alone, so that restoring them replaces this one table.
constexpr std::string_view saved_filter_table = "*filter\n"
                                                ":INPUT ACCEPT [0:0]\n"
                                                ":FORWARD ACCEPT [0:0]\n"
                                                ":OUTPUT ACCEPT [0:0]\n"
                                                "-A INPUT -i lo -j ACCEPT\n"
                                                "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
                                                "COMMIT\n";

void restore_saved(Commands& commands)
{
    for (const std::string program : programs)
        commands.push_back({.command = {program + "-restore"}, .input = std::string{saved_filter_table}});
}

Commands flush_filter()
{
    Commands commands;
    for (const std::string program : programs) {
        add(commands, program, {"-F"});
        add(commands, program, {"-X"});
    }
    return commands;
}

// /etc/systemd/scripts/iptables.stop, then /etc/systemd/scripts/iptables.
Commands restart_azure_linux_3()
{
    Commands commands;
    for (const std::string program : programs) {
        add(commands, program, {"-Z"});
        add(commands, program, {"-F"});
        for (const auto* const table : {"raw", "nat", "mangle"})
            empty_table(commands, program, table);
        add(commands, program, {"-X"});
        set_default_verdicts(commands, program, "ACCEPT");
    }
    for (const std::string program : programs)
        set_default_verdicts(commands, program, "DROP");
    for (const std::string program : programs) {
        for (const auto* const option : {"-F", "-X", "-Z"})
            add(commands, program, {option});
        for (const auto* const table : {"raw", "nat", "mangle"})
            empty_table(commands, program, table);
    }
    restore_saved(commands);
    return commands;
}

// iptables.init of the package iptables-services.
Commands restart_rhel()
{
    Commands commands;
    for (const std::string program : programs) {
        for (const auto* const table : {"raw", "mangle"})
            for (const auto* const chain : {"PREROUTING", "OUTPUT"})
                add(commands, program, {"-t", table, "-P", chain, "ACCEPT"});
        set_default_verdicts(commands, program, "ACCEPT");
        add(commands, program, {"-t", "nat", "-P", "POSTROUTING", "ACCEPT"});
        for (const auto* const table : {"raw", "mangle", "filter", "nat"}) {
            empty_table(commands, program, table);
            add(commands, program, {"-t", table, "-Z"});
        }
    }
    restore_saved(commands);
    return commands;
}

// netfilter-persistent: its stop does nothing, its start replaces the tables of the saved files.
Commands restart_debian()
{
    Commands commands;
    restore_saved(commands);
    return commands;
}

Commands flush_everything()
{
    Commands commands;
    add(commands, "nft", {"flush", "ruleset"});
    return commands;
}

CommandLine in_table(const repair::DesiredState& desired, repair::Table table, const CommandLine& arguments)
{
    CommandLine command{program_of(desired.family), "-w", "-t", std::string{to_string(table)}};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
}

CommandLine with_rule(const repair::DesiredState& desired, repair::Table table, const char* option,
                      const std::string& chain, const repair::Rule& rule)
{
    auto command = in_table(desired, table, {option, chain});
    std::ranges::move(arguments_of(desired.family, rule), std::back_inserter(command));
    return command;
}

}  // namespace

std::vector<Scenario> scenarios(repair::IptablesVariant variant)
{
    std::vector<Scenario> all{
        {"iptables -F; iptables -X", flush_filter(), {Row::partial_flush}},
        {"Azure Linux 3: systemctl restart iptables", restart_azure_linux_3(), {Row::assist, Row::monitor_silent}},
        {"RHEL: systemctl restart iptables", restart_rhel(), {Row::assist, Row::monitor_silent}},
        {"Debian: systemctl restart netfilter-persistent", restart_debian(), {Row::partial_flush}},
    };
    if (variant == repair::IptablesVariant::nft)
        all.push_back({"nft flush ruleset", flush_everything(), {Row::assist, Row::monitor_silent}});
    return all;
}

CommandLine of_variant(CommandLine command, repair::IptablesVariant variant)
{
    for (const std::string program : programs)
        if (auto& name = command.front(); name.starts_with(program)) {
            name.insert(program.size(), fmt::format("-{}", to_string(variant)));
            break;
        }
    return command;
}

std::vector<CommandLine> kubelet_commands(const repair::DesiredState& desired)
{
    std::vector<CommandLine> commands;
    for (const auto& chain : desired.chains)
        commands.push_back(in_table(desired, chain.table, {"-N", chain.name}));
    for (const auto& chain : desired.chains)
        for (const auto& rule : chain.rules)
            commands.push_back(with_rule(desired, chain.table, "-A", chain.name, rule));
    for (const auto& jump : desired.jumps)
        commands.push_back(with_rule(desired, jump.table, "-I", jump.base_chain, jump.rule));
    return commands;
}

std::vector<CommandLine> check_commands(const repair::DesiredState& desired)
{
    std::vector<CommandLine> commands;
    for (const auto& chain : desired.chains) {
        commands.push_back(in_table(desired, chain.table, {"-S", chain.name}));
        for (const auto& rule : chain.rules)
            commands.push_back(with_rule(desired, chain.table, "-C", chain.name, rule));
    }
    for (const auto& jump : desired.jumps)
        commands.push_back(with_rule(desired, jump.table, "-C", jump.base_chain, jump.rule));
    return commands;
}

}  // namespace chainkeeper::daemon
