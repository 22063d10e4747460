// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tests/netns/node.hpp"
#include "tests/netns/process.hpp"
#include "tests/support/command.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace chainkeeper::tests {

// The keys of a policy file that the tests set.
struct PolicyText {
    std::string families = R"(["ipv4", "ipv6"])";
    std::string mode = "repair";
    std::string on_damage = "report";
    std::string transport = "direct";
    std::string settle = "50ms";
    std::string monitor_interval = "60s";
    std::string init_grace = "30s";
    std::string require_active = "true";
    std::string legacy_poll = "30s";
    std::string lock_deadline = "5s";
    std::string backend{};  // the node's
    std::string textfile{};
    // More than any test repairs: standing off has tests of its own.
    std::string limits = R"(repairs = 1000
per = "1s")";
};

struct DaemonOptions {
    PolicyText policy{};
    std::vector<std::string> arguments{};
    std::map<std::string, std::string> environment{};  // besides its directories
};

// Writes the node's policy file, which says which iptables kubelet uses. Returns where it is.
std::filesystem::path write_policy(const Node& node, const PolicyText& policy);

// How chainkeeperd is started on the node, with the policy file that is there.
Process::Start daemon_start(const Node& node, const std::vector<std::string>& arguments);

// The daemon at work. The constructor returns when it has looked at the ruleset for the first time, and the destructor
// ends it, which it has to do without a fault.
class Daemon {
public:
    explicit Daemon(const Node& node, const DaemonOptions& options = {});
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;
    Daemon(Daemon&&) = delete;
    Daemon& operator=(Daemon&&) = delete;

    Process& process() { return *process_; }
    // The log of the node's daemons, of this one and of those before it.
    [[nodiscard]] std::string log() const { return text_of(log_); }
    [[nodiscard]] std::size_t count(const std::string& text) const;
    // Returns when the log holds it that often.
    void await_log(const std::string& text, std::size_t times = 1) const;
    // VmRSS.
    [[nodiscard]] std::size_t resident_kib() const;

private:
    std::filesystem::path log_;
    std::unique_ptr<Process> process_;
};

// "ipv4: repair: assist"
std::string decided(repair::Family family, const std::string& decision);

// `chainkeeper` with the runtime and state directories of the node's daemon.
std::vector<std::string> chainkeeper_command(const Node& node, const std::vector<std::string>& arguments);
CommandResult chainkeeper(const Node& node, const std::vector<std::string>& arguments);

}  // namespace chainkeeper::tests
