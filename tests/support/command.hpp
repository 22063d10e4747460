// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace chainkeeper::tests {

struct CommandResult {
    pid_t pid = 0;
    int status = 0;  // the exit code; 128 and the number of the signal that ended it
    std::string output;
    std::string errors;
};

// Runs a program, found in PATH, in the network namespace of the calling thread, and waits for it. No shell. Throws
// std::system_error where there is no such program.
CommandResult run(const std::vector<std::string>& arguments, std::string_view input = {});

// The same for a command that has to succeed: its output. Throws std::runtime_error with all that it said otherwise.
std::string must_run(const std::vector<std::string>& arguments, std::string_view input = {});

}  // namespace chainkeeper::tests
