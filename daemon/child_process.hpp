// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"
#include "repair/error.hpp"

#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace chainkeeper::daemon {

// A command and its arguments; found in PATH, and in /usr/sbin and /sbin where a plain user's PATH lacks them.
using CommandLine = std::vector<std::string>;

// Where a child's standard streams lead; -1 is /dev/null.
struct Streams {
    int input = -1;
    int output = -1;  // and errors
};

// Starts a child that the kernel kills when its parent ends. It has no signal blocked. The exit code 127 means that
// there is no such command.
repair::Result<pid_t> start_command(const CommandLine& command, Streams streams);

// The same for a file that is not what the command calls itself (argument 0), which programs with many names go by.
repair::Result<pid_t> start_program(const std::string& file, const CommandLine& command, Streams streams);

struct CommandAnswer {
    int exit_code = 0;   // 128 and the signal's number where a signal ended it
    std::string output;  // and errors; at most 64 KiB
};

// Runs a command to its end; kills it at the deadline, which is an error. Blocks: not for the loop.
repair::Result<CommandAnswer> run_command(const CommandLine& command, Duration deadline);

// What waitpid says, as a shell would put it.
int exit_code_of(int wait_status);

}  // namespace chainkeeper::daemon
