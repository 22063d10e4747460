// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/child_process.hpp"

#include "daemon/file_descriptor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chainkeeper::daemon {

namespace {

constexpr int no_such_command = 127;
constexpr std::size_t most_output = std::size_t{64} * 1024;

void add_administrators_path()
{
    const char* const path = std::getenv("PATH");
    const auto extended = fmt::format("{}:/usr/sbin:/sbin", path == nullptr ? "/usr/bin:/bin" : path);
    setenv("PATH", extended.c_str(), 1);
}

[[noreturn]] void become(const std::string& file, std::vector<char*>& arguments, Streams streams)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(streams.input < 0 ? null : streams.input, STDIN_FILENO);
    dup2(streams.output < 0 ? null : streams.output, STDOUT_FILENO);
    dup2(streams.output < 0 ? null : streams.output, STDERR_FILENO);
    add_administrators_path();
    execvp(file.c_str(), arguments.data());
    _exit(no_such_command);
}

// Reads until the end or the deadline; true at the end.
bool read_output(int descriptor, Instant deadline, std::string& output)
{
    const SystemClock clock;
    std::array<char, 4096> buffer{};
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock.now()).count();
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

}  // namespace

repair::Result<pid_t> start_command(const CommandLine& command, Streams streams)
{
    return start_program(command.front(), command, streams);
}

repair::Result<pid_t> start_program(const std::string& file, const CommandLine& command, Streams streams)
{
    auto words = command;
    std::vector<char*> arguments;
    for (auto& word : words)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const pid_t child = fork();
    if (child < 0)
        return tl::unexpected(repair::system_error(fmt::format("starting {}", file), errno));
    if (child == 0)
        become(file, arguments, streams);
    return child;
}

repair::Result<CommandAnswer> run_command(const CommandLine& command, Duration deadline)
{
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
        return tl::unexpected(repair::system_error("making a pipe", errno));
    const FileDescriptor reading{ends[0]};
    FileDescriptor writing{ends[1]};
    const auto child = start_command(command, {.output = writing.number()});
    if (!child)
        return tl::unexpected(child.error());
    writing.reset();
    CommandAnswer answer;
    const bool ended = read_output(reading.number(), SystemClock{}.now() + deadline, answer.output);
    if (!ended)
        kill(*child, SIGKILL);
    answer.exit_code = exit_code_of(reap(*child));
    if (!ended)
        return tl::unexpected(
            repair::Error{repair::ErrorCode::failed, fmt::format("{} did not end in time", fmt::join(command, " "))});
    return answer;
}

int exit_code_of(int wait_status)
{
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

}  // namespace chainkeeper::daemon
