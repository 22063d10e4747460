// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/options.hpp"

#include "daemon/version.hpp"
#include "policies/policy_file.hpp"
#include "repair/printable.hpp"

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <unistd.h>

namespace chainkeeper::daemon {

namespace {

// On standard error. Somebody's words may be in there.
void print_lines(const std::string& text)
{
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);)
        std::cerr << repair::printable(line) << '\n';
}

}  // namespace

void add_policy_option(CLI::App& app, PolicyOptions& options)
{
    app.add_option("--policy", options.policy,
                   "Policy file (default: " + std::string{policies::default_policy_path} + ", where it exists)")
        ->type_name("FILE");
}

void add_assume_monitor_option(CLI::App& app, PolicyOptions& options)
{
    using policies::Monitor;
    static const std::map<std::string, Monitor> monitors{
        {"alive", Monitor::alive}, {"dead", Monitor::dead}, {"unknown", Monitor::unknown}};
    app.add_option("--assume-monitor", options.assumed_monitor,
                   "Take kubelet's Monitor for alive, dead or unknown, instead of watching for signs of it")
        ->transform(CLI::CheckedTransformer(monitors))
        ->type_name("alive|dead|unknown");
}

void add_daemon_options(CLI::App& app, DaemonOptions& options)
{
    app.name("chainkeeperd");
    app.description("Keeps kubelet's netfilter chains alive in this network namespace.");
    add_policy_option(app, options.policy);
    add_assume_monitor_option(app, options.policy);
    app.add_flag("--dry-run", options.dry_run, "Report what would be repaired, and write nothing");
    app.add_flag("--any-network-namespace", options.any_network,
                 "Work in a network namespace that is not the node's (process 1's), too");
    app.add_option("--log-level", options.log_level, "debug, info, warning or error")
        ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
        ->type_name("LEVEL")
        ->capture_default_str();
    app.set_version_flag("--version", std::string{version_line("chainkeeperd")});
}

void fill_standard_streams()
{
    int descriptor = 0;
    do
        descriptor = open("/dev/null", O_RDWR);
    while (descriptor >= 0 && descriptor <= STDERR_FILENO);
    if (descriptor > STDERR_FILENO)
        close(descriptor);
}

std::optional<int> parse_options(CLI::App& app, int argc, char** argv)
{
    constexpr int usage_error = 2;
    try {
        app.parse(argc, argv);
        return std::nullopt;
    } catch (const CLI::ParseError& error) {
        std::ostringstream trouble;
        const int exit_code = app.exit(error, std::cout, trouble);
        print_lines(trouble.str());
        return exit_code == 0 ? 0 : usage_error;
    }
}

}  // namespace chainkeeper::daemon
