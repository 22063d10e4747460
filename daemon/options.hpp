// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/decide.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace chainkeeper::daemon {

// Options that both programs have.
struct PolicyOptions {
    std::optional<std::filesystem::path> policy;
    std::optional<policies::Monitor> assumed_monitor;
};
void add_policy_option(CLI::App& app, PolicyOptions& options);
void add_assume_monitor_option(CLI::App& app, PolicyOptions& options);

// Those of the daemon.
struct DaemonOptions {
    PolicyOptions policy;
    bool dry_run = false;
    bool any_network = false;
    std::string log_level = "info";
};
void add_daemon_options(CLI::App& app, DaemonOptions& options);

// Opens /dev/null on each of descriptors 0 to 2 that is closed, so that no file or socket of ours is taken for a
// terminal.
void fill_standard_streams();

// Nothing when the program is to go on; else its exit code, after help, the version or what is wrong was printed.
std::optional<int> parse_options(CLI::App& app, int argc, char** argv);

}  // namespace chainkeeper::daemon
