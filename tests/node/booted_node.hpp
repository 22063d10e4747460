// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/family.hpp"
#include "repair/finding.hpp"
#include "repair/nft/backend.hpp"
#include "tests/netns/generation_watch.hpp"
#include "tests/node/container.hpp"
#include "tests/node/journal.hpp"
#include "tests/support/command.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::tests {

// The calling thread is in the network namespace of that process, as long as the object is there.
class JoinedNetwork {
public:
    explicit JoinedNetwork(pid_t process);
    ~JoinedNetwork();
    JoinedNetwork(const JoinedNetwork&) = delete;
    JoinedNetwork& operator=(const JoinedNetwork&) = delete;
    JoinedNetwork(JoinedNetwork&&) = delete;
    JoinedNetwork& operator=(JoinedNetwork&&) = delete;

private:
    int previous_;
};

// What a test case has of a node: a booted container, in which nothing of ours runs yet, no rule is loaded and nothing
// is remembered. The ruleset of the calling thread is the container's. The cases share one container, one after the
// other.
//
// The destructor asserts what has to hold whatever happens: no transaction of the daemon leaves kubelet's mangle canary
// in a family in which anything else that is guarded is missing. When the case failed, it shows the journal.
class BootedNode {
public:
    BootedNode();
    ~BootedNode();
    BootedNode(const BootedNode&) = delete;
    BootedNode& operator=(const BootedNode&) = delete;
    BootedNode(BootedNode&&) = delete;
    BootedNode& operator=(BootedNode&&) = delete;

    [[nodiscard]] CommandResult run(const std::vector<std::string>& arguments) const;
    std::string must_run(const std::vector<std::string>& arguments) const;
    void systemctl(const std::vector<std::string>& arguments) const;
    // One property of a unit, say MainPID.
    [[nodiscard]] std::string property(const std::string& unit, const std::string& name) const;
    [[nodiscard]] bool is_active(const std::string& unit) const;
    // One of its files, as it can be reached from here.
    [[nodiscard]] std::filesystem::path file(std::string_view path) const { return container_.file(path); }
    void write(std::string_view path, std::string_view text) const;
    [[nodiscard]] std::string read(std::string_view path) const;
    // Further lines for a unit, until the end of the case: "[Service]\n…".
    void extend(const std::string& unit, std::string_view lines) const;
    // The same with a drop-in that is installed as an example. Both can be had at once.
    void install_drop_in(const std::string& unit, const std::string& name) const;

    // The daemon's policy, whole.
    void write_policy(std::string_view text) const;
    // Starts chainkeeperd with that policy.
    void start_daemon(std::string_view policy) const;
    // From its next start on chainkeeperd sees the processes of the whole machine, by whose numbers the kernel names
    // writers. On a machine that is no container it always does.
    void show_machine_to_daemon() const;
    // kubelet as in tests/netns/kubelet-stand-in: its chains are there when it returns.
    void start_kubelet(const std::string& arguments = {}) const;

    repair::Diagnosis examine(repair::Family family);
    [[nodiscard]] bool is_healthy();
    void await_healthy();
    // All is there but canaries, which kubelet is left to put back.
    void await_assisted();

    // What chainkeeperd has logged in this case.
    const std::vector<JournalEntry>& journal() { return journal_->entries(); }
    std::size_t count(std::string_view text);
    void await_log(const std::string& text, std::size_t times = 1);
    // "ipv4: repair: assist"
    void await_decision(repair::Family family, const std::string& decision, std::size_t times = 1);
    void await_decisions(const std::string& decision);

    // `chainkeeper status --json`: daemon/status.hpp.
    [[nodiscard]] nlohmann::json status() const;
    // Nobody has written anything in this time.
    [[nodiscard]] bool stays_untouched(std::chrono::milliseconds time);

    // Every transaction of this case, and the daemon's alone.
    GenerationWatch& watch() { return *watch_; }
    std::vector<Transaction> repairs() { return watch_->heard_of(daemon_comm); }

    // All is new in the kernel then, and everything that the case has of it begins again.
    void reboot();

private:
    void join();
    void leave();
    void check_kubelet_never_blinded();

    Container& container_;
    std::optional<JoinedNetwork> network_;
    std::unique_ptr<repair::nft::NftBackend> backend_;
    std::optional<GenerationWatch> watch_;
    std::optional<Journal> journal_;
};

// In one transaction all of IPv4's filter table, whether it is there or not: a loss of which kubelet's Monitor hears
// nothing.
void drop_filter_table();

}  // namespace chainkeeper::tests
