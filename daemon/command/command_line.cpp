// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/command_line.hpp"

#include "daemon/doctor/checks.hpp"
#include "daemon/version.hpp"

#include <CLI/CLI.hpp>

namespace chainkeeper::daemon {

namespace {

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
                    [&] { return run_rehearse(options, invocation.rehearsed_backend); });
    rehearse.add_option("--backend", invocation.rehearsed_backend, "Of which iptables: nft, legacy or both")
        ->check(CLI::IsMember({"nft", "legacy", "both"}))
        ->type_name("BACKEND");
    auto& policy = *app.add_subcommand("policy", "Look into policy files")->require_subcommand(1);
    auto& show = add_command(policy, invocation, "show", "Print the policy in force, and where each value was written",
                             [&] { return run_policy_show(options); });
    for (auto* const command : {&check, &plan, &repair, &rehearse, &show})
        add_policy_option(*command, options.policy);
    for (auto* const command : {&plan, &repair})
        add_assume_monitor_option(*command, options.policy);
    repair.add_flag("--dry-run", invocation.dry_run, "Say what would be repaired, and write nothing");

    add_command(policy, invocation, "check", "Is FILE a valid policy?",
                [&] { return run_policy_check(invocation.policy_file, options.json); })
        .add_option("FILE", invocation.policy_file, "The policy file")
        ->required();
}

std::vector<std::string> check_names()
{
    std::vector<std::string> names;
    for (const auto* const check : doctor::all_checks())
        names.emplace_back(check->name());
    return names;
}

void add_doctor_command(CLI::App& app, Invocation& invocation)
{
    auto& wanted = invocation.doctor;
    auto& command = add_command(app, invocation, "doctor",
                                "What people check by hand on a node whose network is broken; changes nothing",
                                [&] { return run_doctor(invocation.options, wanted); });
    add_policy_option(command, invocation.options.policy);
    auto& checks =
        *command.add_option("--check", wanted.checks, "Only the check of that name; may be given several times")
             ->check(CLI::IsMember(check_names()))
             ->allow_extra_args(false)
             ->type_name("NAME");
    auto& root = *command.add_option("--root", wanted.root, "Look at this folder as the root of the node: an image")
                      ->type_name("DIR")
                      ->capture_default_str();
    auto& preflight = *command
                           .add_flag("--preflight", wanted.preflight,
                                     "Only what an image of a node has to pass: modules, tools, saved-rules")
                           ->excludes(&checks);
    command.add_flag("--brief", wanted.brief, "Print one line of 80 bytes at the most, for node-problem-detector")
        ->excludes(command.get_option("--json"));
    auto& textfile = *command
                          .add_option("--textfile", wanted.textfile,
                                      "Write the verdicts there besides, for Prometheus' node_exporter")
                          ->check([](const std::string& file) { return file.empty() ? "it names no file" : ""; })
                          ->type_name("FILE");
    command.add_flag("--list", wanted.list, "Print the names of the checks, and look at nothing")
        ->excludes(&checks)
        ->excludes(&root)
        ->excludes(&preflight)
        ->excludes(&textfile)
        ->excludes(command.get_option("--brief"));
}

void add_baseline_commands(CLI::App& app, Invocation& invocation)
{
    auto& baseline = *app.add_subcommand("baseline", "Compare the chains of a node with those of a healthy one")
                          ->require_subcommand(1);
    auto& save = add_command(baseline, invocation, "save", "Write down the chains of this node, without values",
                             [&] { return run_baseline_save(invocation.options, invocation.baseline_file); });
    auto& compare = add_command(baseline, invocation, "compare",
                                "What is different here?  Exits 0 nothing that matters, 1 something, 2 cannot tell",
                                [&] { return run_baseline_compare(invocation.options, invocation.baseline_file); });
    for (auto* const command : {&save, &compare})
        command->add_option("FILE", invocation.baseline_file, "The file; - is standard output, or standard input")
            ->required();
}

// The reason is for whoever reads the journal and the status meanwhile.
void add_hold_commands(CLI::App& app, Invocation& invocation)
{
    auto& options = invocation.options;
    auto& hold = add_command(app, invocation, "hold", "Have the daemon write nothing for a while",
                             [&] { return run_hold(options, invocation.hold); });
    hold.add_option("--for", invocation.hold.length, "For how long: 30m, 2h; 31 days at the most")
        ->required()
        ->type_name("DURATION");
    hold.add_option("--reason", invocation.hold.reason, "Why, for those who wonder")->required()->type_name("TEXT");
    hold.add_flag("--stop", invocation.hold.stop, "Not even plan, and report only that something is missing");
    add_command(app, invocation, "release", "End a hold now", [&] { return run_release(options); });
}

void add_daemon_commands(CLI::App& app, Invocation& invocation)
{
    auto& options = invocation.options;
    add_command(app, invocation, "status",
                "What is so, what would happen at a flush, and what happened last, on one screen; exits as check does",
                [&] { return run_status(options); });
    add_command(app, invocation, "watch", "The same, and what happens from now on, until Ctrl-C",
                [&] { return run_watch(options); });
    add_hold_commands(app, invocation);
    auto& recheck = add_command(app, invocation, "recheck", "Have the daemon look again when the ruleset has settled",
                                [&] { return run_recheck(options, invocation.recheck); });
    recheck.add_option("--reason", invocation.recheck.reason, "Why, for the journal")->type_name("TEXT");
    recheck.add_flag("--or-repair", invocation.recheck.or_repair, "Where no daemon can be asked, do as repair does");
    add_command(app, invocation, "reload", "Have the daemon read its policy again",
                [&] { return run_reload(options); });
    auto& history = add_command(app, invocation, "history", "Which flushes there were, and what became of them",
                                [&] { return run_history(options, invocation.history); });
    history.add_option("--last", invocation.history.last, "So many of the newest")
        ->check(CLI::Range(1U, 10000U))
        ->capture_default_str()
        ->type_name("N");
    history.add_flag("--timeline", invocation.history.with_timeline, "With what happened when, to the microsecond");
}

}  // namespace

void add_command_line(CLI::App& app, Invocation& invocation)
{
    app.name("chainkeeper");
    app.description(
        "Checks, plans, rehearses and repairs kubelet's netfilter chains in this network namespace, and tells "
        "chainkeeperd what to do.");
    app.set_version_flag("--version", version_line("chainkeeper"));
    app.require_subcommand(1);
    app.footer("Exit codes: 0 healthy or done, 1 something is missing or went wrong, 2 cannot tell.");
    add_commands(app, invocation);
    add_doctor_command(app, invocation);
    add_baseline_commands(app, invocation);
    add_daemon_commands(app, invocation);
}

}  // namespace chainkeeper::daemon
