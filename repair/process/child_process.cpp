// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/process/child_process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chainkeeper::repair {

namespace {

// CLOCK_MONOTONIC.
using Clock = std::chrono::steady_clock;

constexpr int no_such_command = 127;
constexpr std::size_t most_output = std::size_t{64} * 1024;

std::string search_path()
{
    const char* const path = std::getenv("PATH");
    return fmt::format("{}:/usr/sbin:/sbin", path == nullptr ? "/usr/bin:/bin" : path);
}

[[noreturn]] void become(const std::string& file, std::vector<char*>& arguments, Streams streams,
                         const Environment& environment)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(streams.input < 0 ? null : streams.input, STDIN_FILENO);
    dup2(streams.output < 0 ? null : streams.output, STDOUT_FILENO);
    dup2(streams.output < 0 ? null : streams.output, STDERR_FILENO);
    for (const auto& [name, value] : environment)
        setenv(name.c_str(), value.c_str(), 1);
    setenv("PATH", search_path().c_str(), 1);
    execvp(file.c_str(), arguments.data());
    _exit(no_such_command);
}

// Reads until the end or the deadline; true at the end.
bool read_output(int descriptor, Clock::time_point deadline, std::string& output)
{
    std::array<char, 4096> buffer{};
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
        pollfd waiting{.fd = descriptor, .events = POLLIN, .revents = 0};
        const int ready = poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        const auto size = read(descriptor, buffer.data(), buffer.size());
        if (size <= 0)
            return size == 0;
        output.append(buffer.data(), std::min(static_cast<std::size_t>(size), most_output - output.size()));
    }
}

int reap(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

struct Pipe {
    FileDescriptor reading;
    FileDescriptor writing;
};

Result<Pipe> make_pipe()
{
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
        return tl::unexpected(system_error("making a pipe", errno));
    return Pipe{.reading = FileDescriptor{ends[0]}, .writing = FileDescriptor{ends[1]}};
}

// A child that closes its output and goes on is killed as one that does not end.
CommandAnswer await_end(pid_t child, const FileDescriptor& output, Clock::time_point deadline)
{
    CommandAnswer answer{.pid = child, .output = {}};
    answer.ended = read_output(output.number(), deadline, answer.output);
    if (!answer.ended)
        kill(child, SIGKILL);
    answer.exit_code = exit_code_of(reap(child));
    return answer;
}

}  // namespace

bool has_command(std::string_view name)
{
    auto left = search_path();
    for (std::string_view path{left}; !path.empty();) {
        const auto folder = path.substr(0, path.find(':'));
        path.remove_prefix(std::min(folder.size() + 1, path.size()));
        if (access(fmt::format("{}/{}", folder.empty() ? "." : folder, name).c_str(), X_OK) == 0)
            return true;
    }
    return false;
}

Result<pid_t> start_command(const CommandLine& command, Streams streams, const Environment& environment)
{
    return start_program(command.front(), command, streams, environment);
}

Result<pid_t> start_program(const std::string& file, const CommandLine& command, Streams streams,
                            const Environment& environment)
{
    auto words = command;
    std::vector<char*> arguments;
    for (auto& word : words)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const pid_t child = fork();
    if (child < 0)
        return tl::unexpected(system_error(fmt::format("starting {}", file), errno));
    if (child == 0)
        become(file, arguments, streams, environment);
    return child;
}

Result<FileDescriptor> readable_text(std::string_view text)
{
    FileDescriptor memory{memfd_create("input", MFD_CLOEXEC)};
    if (!memory || write(memory.number(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        lseek(memory.number(), 0, SEEK_SET) != 0)
        return tl::unexpected(system_error("preparing the input of a command", errno));
    return memory;
}

Result<CommandAnswer> attempt_command(const CommandLine& command, std::chrono::nanoseconds deadline,
                                      const Provision& provision)
{
    const auto end = Clock::now() + deadline;
    const auto input = readable_text(provision.input);
    if (!input)
        return tl::unexpected(input.error());
    auto output = make_pipe();
    if (!output)
        return tl::unexpected(output.error());
    const auto child =
        start_command(command, {.input = input->number(), .output = output->writing.number()}, provision.environment);
    if (!child)
        return tl::unexpected(child.error());
    output->writing.reset();
    return await_end(*child, output->reading, end);
}

Result<CommandAnswer> run_command(const CommandLine& command, std::chrono::nanoseconds deadline)
{
    auto answer = attempt_command(command, deadline, {});
    if (answer && !answer->ended)
        return tl::unexpected(Error{ErrorCode::failed, fmt::format("{} did not end in time", fmt::join(command, " "))});
    return answer;
}

int exit_code_of(int wait_status)
{
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

}  // namespace chainkeeper::repair
