// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"
#include "repair/process/file_descriptor.hpp"

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace chainkeeper::repair {

// A command and its arguments; found in PATH, and in /usr/sbin and /sbin where a plain user's PATH lacks them.
using CommandLine = std::vector<std::string>;

// Whether there is a program of that name where a command is looked for.
bool has_command(std::string_view name);

// Where a child's standard streams lead; -1 is /dev/null.
struct Streams {
    int input = -1;
    int output = -1;  // and errors
};

// Variables that a child has besides its parent's.
using Environment = std::map<std::string, std::string>;

// Starts a child that the kernel kills when its parent ends. It has no signal blocked. The exit code 127 means that
// there is no such command.
Result<pid_t> start_command(const CommandLine& command, Streams streams, const Environment& environment = {});

// The same for a file that is not what the command calls itself (argument 0), which programs with many names go by.
Result<pid_t> start_program(const std::string& file, const CommandLine& command, Streams streams,
                            const Environment& environment = {});

// A descriptor that is read like a file with that text.
Result<FileDescriptor> readable_text(std::string_view text);

struct CommandAnswer {
    pid_t pid = -1;      // that it had
    bool ended = true;   // false: it was killed at the deadline
    int exit_code = 0;   // 128 and the signal's number where a signal ended it
    std::string output;  // and errors; at most 64 KiB
};

// What a command is given beside its arguments.
struct Provision {
    std::string input;
    Environment environment;
};

// Runs a command to its end, or to the deadline, at which it is killed. Blocks.
Result<CommandAnswer> attempt_command(const CommandLine& command, std::chrono::nanoseconds deadline,
                                      const Provision& provision);

// The same, but that the deadline is an error, and that there is nothing to be read. Blocks: not for the loop.
Result<CommandAnswer> run_command(const CommandLine& command, std::chrono::nanoseconds deadline);

// What waitpid says, as a shell would put it.
int exit_code_of(int wait_status);

}  // namespace chainkeeper::repair
