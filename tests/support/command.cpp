// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/command.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace chainkeeper::tests {

namespace {

[[noreturn]] void fail(int error_number, const std::string& doing)
{
    throw std::system_error{error_number, std::generic_category(), doing};
}

// A file in memory in place of a pipe: neither side ever waits for the other.
class MemoryFile {
public:
    MemoryFile() : descriptor_{memfd_create("command", MFD_CLOEXEC)}
    {
        if (descriptor_ < 0)
            fail(errno, "memfd_create");
    }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    MemoryFile(MemoryFile&&) = delete;
    MemoryFile& operator=(MemoryFile&&) = delete;
    ~MemoryFile() { close(descriptor_); }

    [[nodiscard]] int descriptor() const { return descriptor_; }

    void fill(std::string_view text) const
    {
        while (!text.empty()) {
            const auto written = write(descriptor_, text.data(), text.size());
            if (written < 0)
                fail(errno, "writing a command's input");
            text.remove_prefix(static_cast<std::size_t>(written));
        }
        lseek(descriptor_, 0, SEEK_SET);
    }

    [[nodiscard]] std::string text() const
    {
        std::string text(static_cast<std::size_t>(lseek(descriptor_, 0, SEEK_END)), '\0');
        if (pread(descriptor_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
            fail(errno, "reading a command's output");
        return text;
    }

private:
    int descriptor_;
};

class FileActions {
public:
    FileActions() { posix_spawn_file_actions_init(&actions_); }
    FileActions(const FileActions&) = delete;
    FileActions& operator=(const FileActions&) = delete;
    FileActions(FileActions&&) = delete;
    FileActions& operator=(FileActions&&) = delete;
    ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }

    void give(const MemoryFile& file, int as) { posix_spawn_file_actions_adddup2(&actions_, file.descriptor(), as); }
    [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

private:
    posix_spawn_file_actions_t actions_{};
};

pid_t spawn(std::vector<std::string> arguments, const FileActions& actions)
{
    std::vector<char*> pointers;
    pointers.reserve(arguments.size() + 1);
    for (auto& argument : arguments)
        pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    pid_t pid = 0;
    const int error = posix_spawnp(&pid, pointers.front(), actions.get(), nullptr, pointers.data(), environ);
    if (error != 0)
        fail(error, fmt::format("running {}", arguments.front()));
    return pid;
}

int exit_code_of(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            fail(errno, "waiting for a command");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

CommandResult run(const std::vector<std::string>& arguments, std::string_view input)
{
    const MemoryFile standard_input;
    const MemoryFile standard_output;
    const MemoryFile standard_error;
    standard_input.fill(input);
    FileActions actions;
    actions.give(standard_input, STDIN_FILENO);
    actions.give(standard_output, STDOUT_FILENO);
    actions.give(standard_error, STDERR_FILENO);
    const auto pid = spawn(arguments, actions);
    const auto status = exit_code_of(pid);
    return {.pid = pid, .status = status, .output = standard_output.text(), .errors = standard_error.text()};
}

std::string must_run(const std::vector<std::string>& arguments, std::string_view input)
{
    auto result = run(arguments, input);
    if (result.status != 0)
        throw std::runtime_error{
            fmt::format("{} ended with {}: {}\n{}", fmt::join(arguments, " "), result.status, result.errors, input)};
    return std::move(result.output);
}

}  // namespace chainkeeper::tests
