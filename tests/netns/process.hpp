// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace chainkeeper::tests {

// A program that runs beside the test, in the network namespace of the calling thread and as the leader of a process
// group of its own. It ends with the object, and with the test.
class Process {
public:
    struct Start {
        std::vector<std::string> arguments;              // the program first, found in PATH
        std::map<std::string, std::string> environment;  // besides this process's own
        std::filesystem::path output;                    // appended to; none: /dev/null
        std::filesystem::path errors;                    // the same
        bool (*prepare)() = nullptr;                     // called in the child; where it fails nothing is run
    };

    explicit Process(const Start& start);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    Process(Process&&) = delete;
    Process& operator=(Process&&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    void send(int signal) const;
    // The exit code, or 128 and the number of the signal that ended it; nothing while it runs.
    std::optional<int> exit_code();
    // The same when it has ended.
    int await_end();
    // SIGTERM, and what comes of it.
    int stop();
    // Whether any process is left of those that it started, or itself.
    [[nodiscard]] bool has_left_something() const;

private:
    pid_t pid_;
    std::optional<int> exit_code_;
};

// What the file holds; nothing where there is none.
std::string text_of(const std::filesystem::path& file);
void write_text(const std::filesystem::path& file, std::string_view text);

}  // namespace chainkeeper::tests
