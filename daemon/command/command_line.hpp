// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/command/command.hpp"

#include <filesystem>
#include <functional>
#include <string>

namespace chainkeeper::daemon {

// What a command line asks for.
struct Invocation {
    CommandOptions options;
    bool dry_run = false;
    std::string rehearsed_backend;
    HoldOptions hold;
    HistoryOptions history;
    RecheckOptions recheck;
    DoctorOptions doctor;
    std::filesystem::path policy_file;
    std::filesystem::path baseline_file;
    std::function<int()> run;
};

// Every command and option of `chainkeeper`. Parsing fills in `invocation`, which has to outlive the app.
void add_command_line(CLI::App& app, Invocation& invocation);

}  // namespace chainkeeper::daemon
