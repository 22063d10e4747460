// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/node/container.hpp"

#include "tests/netns/await.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace chainkeeper::tests {

namespace {

const std::string tier{NODE_TIER};

std::filesystem::path make_console()
{
    auto path = (std::filesystem::temp_directory_path() / "chainkeeper-node.XXXXXX").string();
    const int descriptor = mkstemp(path.data());
    if (descriptor < 0)
        throw std::system_error{errno, std::generic_category(), path};
    close(descriptor);
    return path;
}

std::string root()
{
    auto path = must_run({tier + "/root", CHAINKEEPERD, CHAINKEEPER});
    return path.substr(0, path.find('\n'));
}

Process::Start boot_into(const std::filesystem::path& console)
{
    static unsigned count = 0;
    return {.arguments = {tier + "/boot", root(), BUILD, fmt::format("chainkeeper-node-{}-{}", getpid(), ++count)},
            .environment = {},
            .output = console,
            .errors = console};
}

// 0 where there is none.
pid_t only_child_of(pid_t pid)
{
    std::ifstream children{fmt::format("/proc/{0}/task/{0}/children", pid)};
    pid_t child = 0;
    children >> child;
    return children ? child : 0;
}

// The container's process 1 (see tests/node/boot). 0 as long as there is none.
pid_t leader_below(pid_t boot)
{
    auto pid = boot;
    for (int generation = 0; generation < 3 && pid != 0; ++generation)
        pid = only_child_of(pid);
    return pid != 0 && text_of(fmt::format("/proc/{}/comm", pid)) == "systemd\n" ? pid : 0;
}

}  // namespace

Container::Container() : console_{make_console()}, process_{std::make_unique<Process>(boot_into(console_))}
{
    await_boot();
}

// Powered off, it leaves no cgroup behind; killed, it would.
Container::~Container()
{
    if (leader_ > 0 && !process_->exit_code())
        kill(leader_, SIGRTMIN + 14);  // systemd(1): at once, without stopping anything
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{5};
    while (!process_->exit_code() && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    process_.reset();
    std::error_code ignored;
    std::filesystem::remove(console_, ignored);
}

void Container::await_boot()
{
    const auto has_booted = [this] {
        if (process_->exit_code())
            throw std::runtime_error{"the container has ended: " + text_of(console_)};
        leader_ = leader_below(process_->pid());
        if (leader_ == 0)
            return false;
        const auto state = run({"systemctl", "is-system-running", "--wait"}).output;
        if (state == "degraded\n")
            throw std::runtime_error{"the container has booted badly: " + run({"systemctl", "--failed"}).output};
        return state == "running\n";
    };
    await("the container had booted", has_booted, std::chrono::milliseconds{20});
}

std::vector<std::string> Container::inside(const std::vector<std::string>& arguments) const
{
    std::vector<std::string> command{"nsenter", "--target", std::to_string(leader_), "--all", "--"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
}

CommandResult Container::run(const std::vector<std::string>& arguments, std::string_view input) const
{
    return tests::run(inside(arguments), input);
}

std::string Container::must_run(const std::vector<std::string>& arguments, std::string_view input) const
{
    return tests::must_run(inside(arguments), input);
}

std::filesystem::path Container::file(std::string_view path) const
{
    return fmt::format("/proc/{}/root{}", leader_, path);
}

void Container::reboot()
{
    const auto before = leader_;
    must_run({"systemctl", "reboot"});
    await(
        "the container went down", [&] { return leader_below(process_->pid()) != before; },
        std::chrono::milliseconds{20});
    await_boot();
}

}  // namespace chainkeeper::tests
