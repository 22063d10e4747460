// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/command.hpp"
#include "daemon/version.hpp"

#include <CLI/CLI.hpp>

namespace {

using namespace chainkeeper::daemon;

struct Invocation {
    CommandOptions options;
    bool dry_run = false;
    std::filesystem::path policy_file;
    std::function<int()> run;
};

CLI::App& add_command(CLI::App& parent, Invocation& invocation, const char* name, const char* help,
                      std::function<int()> run)
{
    auto& command = *parent.add_subcommand(name, help);
    command.add_flag("--json", invocation.options.json, "Print JSON");
    command.callback([&invocation, run = std::move(run)] { invocation.run = run; });
    return command;
}

void add_commands(CLI::App& app, Invocation& invocation)
{
    auto& options = invocation.options;
    auto& check =
        add_command(app, invocation, "check", "Are kubelet's chains there?  Exits 0 healthy, 1 findings, 2 cannot tell",
                    [&] { return run_check(options); });
    auto& plan = add_command(app, invocation, "plan", "Print what a repair would write now, as iptables-restore text",
                             [&] { return run_plan(options); });
    auto& repair = add_command(app, invocation, "repair", "Rebuild what is missing, once, by the daemon's rules",
                               [&] { return run_repair(options, invocation.dry_run); });
    auto& rehearse =
        add_command(app, invocation, "rehearse",
                    "Replay restarts of iptables in a network namespace of its own; the host is not touched",
                    [&] { return run_rehearse(options); });
    for (auto* const command : {&check, &plan, &repair, &rehearse})
        add_policy_option(*command, options.policy);
    for (auto* const command : {&plan, &repair})
        add_assume_monitor_option(*command, options.policy);
    repair.add_flag("--dry-run", invocation.dry_run, "Say what would be repaired, and write nothing");

    auto& policy = *app.add_subcommand("policy", "Look into policy files")->require_subcommand(1);
    add_command(policy, invocation, "check", "Is FILE a valid policy?",
                [&] { return run_policy_check(invocation.policy_file, options.json); })
        .add_option("FILE", invocation.policy_file, "The policy file")
        ->required();
}

}  // namespace

int main(int argc, char** argv)
{
    fill_standard_streams();
    Invocation invocation;
    CLI::App app{"Checks, plans, rehearses and repairs kubelet's netfilter chains in this network namespace.",
                 "chainkeeper"};
    app.set_version_flag("--version", version_line("chainkeeper"));
    app.require_subcommand(1);
    app.footer("Exit codes: 0 healthy or done, 1 something is missing or went wrong, 2 cannot tell.");
    add_commands(app, invocation);
    if (const auto exit_code = parse_options(app, argc, argv))
        return *exit_code;
    const int exit_code = invocation.run();
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0)
        return exit_code;
    return give_up({}, "its answer could not be written to standard output");
}
