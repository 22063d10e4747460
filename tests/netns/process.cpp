// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/process.hpp"

#include "tests/netns/await.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace chainkeeper::tests {

namespace {

constexpr int not_run = 125;

void open_as(const std::filesystem::path& file, int number)
{
    const auto* const path = file.empty() ? "/dev/null" : file.c_str();
    const int opened = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (opened < 0 || dup2(opened, number) < 0)
        _exit(not_run);
}

[[noreturn]] void become(const Process::Start& start, std::vector<char*>& arguments)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    open_as(start.output, STDOUT_FILENO);
    open_as(start.errors, STDERR_FILENO);
    for (const auto& [name, value] : start.environment)
        setenv(name.c_str(), value.c_str(), 1);
    if (start.prepare != nullptr && !start.prepare())
        _exit(not_run);
    execvp(arguments.front(), arguments.data());
    _exit(not_run);
}

pid_t spawn(const Process::Start& start)
{
    auto words = start.arguments;
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (auto& word : words)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const auto child = fork();
    if (child < 0)
        throw std::system_error{errno, std::generic_category(), words.front()};
    if (child == 0)
        become(start, arguments);
    setpgid(child, child);  // whoever comes first
    return child;
}

}  // namespace

Process::Process(const Start& start) : pid_{spawn(start)} {}

Process::~Process()
{
    if (exit_code_)
        return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
}

void Process::send(int signal) const
{
    if (!exit_code_)
        kill(pid_, signal);
}

std::optional<int> Process::exit_code()
{
    int status = 0;
    if (!exit_code_ && waitpid(pid_, &status, WNOHANG) == pid_)
        exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return exit_code_;
}

int Process::await_end()
{
    await(fmt::format("process {} had ended", pid_), [this] { return exit_code().has_value(); });
    return *exit_code_;
}

int Process::stop()
{
    send(SIGTERM);
    return await_end();
}

bool Process::has_left_something() const
{
    return kill(-pid_, 0) == 0;
}

std::string text_of(const std::filesystem::path& file)
{
    std::ostringstream text;
    text << std::ifstream{file}.rdbuf();
    return text.str();
}

void write_text(const std::filesystem::path& file, std::string_view text)
{
    std::ofstream{file} << text;
}

}  // namespace chainkeeper::tests
