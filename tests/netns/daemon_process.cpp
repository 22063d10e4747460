// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/daemon_process.hpp"

#include "tests/netns/await.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <doctest/doctest.h>
#include <exception>
#include <fmt/format.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

namespace chainkeeper::tests {

namespace {

std::filesystem::path policy_file(const Node& node)
{
    return node.folder() / "policy.toml";
}

std::filesystem::path log_file(const Node& node)
{
    return node.folder() / "chainkeeperd.log";
}

std::map<std::string, std::string> directories(const Node& node)
{
    return {{"RUNTIME_DIRECTORY", (node.folder() / "run").string()},
            {"STATE_DIRECTORY", (node.folder() / "state").string()}};
}

// Where systemd would be told that the service is ready: sd_notify(3).
class NotifySocket {
public:
    explicit NotifySocket(std::filesystem::path path)
        : path_{std::move(path)}, descriptor_{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}
    {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
        std::filesystem::remove(path_);
        if (bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            throw std::system_error{errno, std::generic_category(), path_.string()};
    }
    ~NotifySocket() { close(descriptor_); }
    NotifySocket(const NotifySocket&) = delete;
    NotifySocket& operator=(const NotifySocket&) = delete;
    NotifySocket(NotifySocket&&) = delete;
    NotifySocket& operator=(NotifySocket&&) = delete;

    [[nodiscard]] bool was_told(std::string_view text) const
    {
        std::array<char, 4096> buffer{};
        const auto size = recv(descriptor_, buffer.data(), buffer.size(), 0);
        return size > 0 && std::string_view{buffer.data(), static_cast<std::size_t>(size)}.starts_with(text);
    }

private:
    std::filesystem::path path_;
    int descriptor_;
};

std::size_t count_in(const std::string& text, const std::string& part)
{
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
        ++count;
    return count;
}

}  // namespace

std::filesystem::path write_policy(const Node& node, const PolicyText& policy)
{
    const auto backend = policy.backend.empty() ? std::string{to_string(node.iptables())} : policy.backend;
    write_text(policy_file(node),
               fmt::format("[guard]\nfamilies = {}\nbackend = \"{}\"\nlegacy_poll = \"{}\"\n"
                           "[kubelet]\nversion = \"1.{}\"\nmonitor_interval = \"{}\"\n"
                           "init_grace = \"{}\"\nrequire_active = {}\n"
                           "[repair]\nmode = \"{}\"\non_damage = \"{}\"\ntransport = \"{}\"\nsettle = \"{}\"\n"
                           "lock_deadline = \"{}\"\n"
                           "[report]\ntextfile = \"{}\"\n"
                           "[limits]\n{}\n",
                           policy.families, backend, policy.legacy_poll, node.kubelet_minor(), policy.monitor_interval,
                           policy.init_grace, policy.require_active, policy.mode, policy.on_damage, policy.transport,
                           policy.settle, policy.lock_deadline, policy.textfile, policy.limits));
    return policy_file(node);
}

Process::Start daemon_start(const Node& node, const std::vector<std::string>& arguments)
{
    Process::Start start{
        .arguments = {CHAINKEEPERD, "--any-network-namespace", "--log-level", "debug", "--policy",
                      policy_file(node).string()},
        .environment = directories(node),
        .output = log_file(node),
        .errors = log_file(node),
    };
    start.arguments.insert(start.arguments.end(), arguments.begin(), arguments.end());
    return start;
}

Daemon::Daemon(const Node& node, const DaemonOptions& options) : log_{log_file(node)}
{
    write_policy(node, options.policy);
    const NotifySocket notify{node.folder() / "notify"};
    auto start = daemon_start(node, options.arguments);
    start.environment.insert(options.environment.begin(), options.environment.end());
    start.environment.emplace("NOTIFY_SOCKET", (node.folder() / "notify").string());
    process_ = std::make_unique<Process>(start);
    await("chainkeeperd was ready", [&] {
        if (process_->exit_code())
            throw std::runtime_error{"chainkeeperd has ended"};
        return notify.was_told("READY=1");
    });
}

Daemon::~Daemon()
{
    if (!process_->exit_code() && std::uncaught_exceptions() == 0)
        CHECK(process_->stop() == 0);
}

std::size_t Daemon::count(const std::string& text) const
{
    return count_in(log(), text);
}

void Daemon::await_log(const std::string& text, std::size_t times) const
{
    await(fmt::format("the log said {} time(s): {}", times, text), [&] {
        if (process_->exit_code())
            throw std::runtime_error{"chainkeeperd has ended"};
        return count(text) >= times;
    });
}

std::size_t Daemon::resident_kib() const
{
    const auto status = text_of(fmt::format("/proc/{}/status", process_->pid()));
    const std::string name = "VmRSS:";
    return std::stoul(status.substr(status.find(name) + name.size()));
}

std::string decided(repair::Family family, const std::string& decision)
{
    return fmt::format("{}: {}", to_string(family), decision);
}

std::vector<std::string> chainkeeper_command(const Node& node, const std::vector<std::string>& arguments)
{
    std::vector<std::string> command{"env"};
    for (const auto& [name, value] : directories(node))
        command.push_back(fmt::format("{}={}", name, value));
    command.emplace_back(CHAINKEEPER);
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
}

CommandResult chainkeeper(const Node& node, const std::vector<std::string>& arguments)
{
    return run(chainkeeper_command(node, arguments));
}

}  // namespace chainkeeper::tests
