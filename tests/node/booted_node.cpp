// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/node/booted_node.hpp"

#include "repair/diagnose.hpp"
#include "tests/netns/await.hpp"
#include "tests/support/failures.hpp"
#include "tests/support/kubelet.hpp"
#include "tests/support/ruleset.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>
#include <exception>
#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace chainkeeper::tests {

using repair::all_families;
using repair::Family;

namespace {

constexpr std::chrono::milliseconds between_looks{20};

// Opened as late as the first case needs it. It goes with the program.
Container& shared_container()
{
    static Container container;
    return container;
}

int open_network(const std::string& process)
{
    const int descriptor = open(fmt::format("/proc/{}/ns/net", process).c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        throw std::system_error{errno, std::generic_category(), "opening a network namespace"};
    return descriptor;
}

std::unique_ptr<repair::nft::NftBackend> opened()
{
    auto backend = repair::nft::NftBackend::open();
    if (!backend)
        throw std::runtime_error{backend.error().what};
    return *std::move(backend);
}

// A table that has nothing but a canary of kubelet's is kubelet's to make.
bool is_left_to_kubelet(const repair::Finding& finding)
{
    return is_canary(finding) || finding.kind == repair::FindingKind::table_missing;
}

}  // namespace

JoinedNetwork::JoinedNetwork(pid_t process) : previous_{open_network("thread-self")}
{
    const int wanted = open_network(std::to_string(process));
    const int result = setns(wanted, CLONE_NEWNET);
    close(wanted);
    if (result != 0)
        throw std::system_error{errno, std::generic_category(), "joining a network namespace"};
}

JoinedNetwork::~JoinedNetwork()
{
    // What would follow is written into a ruleset that nobody asked for.
    if (setns(previous_, CLONE_NEWNET) != 0)
        std::abort();
    close(previous_);
}

BootedNode::BootedNode() : container_{shared_container()}
{
    must_run({"reset-node"});
    join();
}

BootedNode::~BootedNode()
{
    if (std::uncaught_exceptions() == 0)
        check_kubelet_never_blinded();
    if (case_has_failed() || std::uncaught_exceptions() > 0)
        fmt::print("---- journal\n{}----\n", run({"journalctl", "--lines=400", "--no-pager", "--no-hostname"}).output);
    std::fflush(stdout);
    leave();
}

void BootedNode::join()
{
    network_.emplace(container_.leader());
    backend_ = opened();
    watch_.emplace();
    journal_.emplace(container_.file("/var/log/journal"), "chainkeeperd.service");
}

void BootedNode::leave()
{
    journal_.reset();
    watch_.reset();
    backend_.reset();
    network_.reset();
}

void BootedNode::reboot()
{
    leave();
    container_.reboot();
    join();
}

void BootedNode::check_kubelet_never_blinded()
{
    for (const auto& transaction : repairs())
        for (const auto family : all_families) {
            CAPTURE(transaction.id);
            CAPTURE(to_string(family));
            if (transaction.adds_chain(canary(family, "mangle")))
                CHECK(is_complete(transaction, guarded_since_1_27(family)));
        }
}

CommandResult BootedNode::run(const std::vector<std::string>& arguments) const
{
    return container_.run(arguments);
}

std::string BootedNode::must_run(const std::vector<std::string>& arguments) const
{
    return container_.must_run(arguments);
}

void BootedNode::systemctl(const std::vector<std::string>& arguments) const
{
    std::vector<std::string> command{"systemctl"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    must_run(command);
}

std::string BootedNode::property(const std::string& unit, const std::string& name) const
{
    auto value = must_run({"systemctl", "show", "--value", "--property=" + name, unit});
    return value.substr(0, value.find('\n'));
}

bool BootedNode::is_active(const std::string& unit) const
{
    return run({"systemctl", "is-active", "--quiet", unit}).status == 0;
}

void BootedNode::write(std::string_view path, std::string_view text) const
{
    const auto file = container_.file(path);
    std::filesystem::create_directories(file.parent_path());
    write_text(file, text);
}

std::string BootedNode::read(std::string_view path) const
{
    return text_of(container_.file(path));
}

void BootedNode::extend(const std::string& unit, std::string_view lines) const
{
    write(fmt::format("/run/systemd/system/{}.service.d/test.conf", unit), lines);
    systemctl({"daemon-reload"});
}

void BootedNode::install_drop_in(const std::string& unit, const std::string& name) const
{
    must_run({"install", "-D", "--mode=644", fmt::format("--target-directory=/run/systemd/system/{}.service.d", unit),
              "/usr/local/share/doc/chainkeeper/" + name});
    systemctl({"daemon-reload"});
}

void BootedNode::write_policy(std::string_view text) const
{
    write("/etc/chainkeeper/chainkeeper.toml", text);
}

void BootedNode::start_daemon(std::string_view policy) const
{
    write_policy(policy);
    systemctl({"start", "chainkeeperd"});
}

void BootedNode::show_machine_to_daemon() const
{
    // Process 1 is the machine's there, which is in another network namespace.
    extend("chainkeeperd", "[Service]\nProtectProc=default\nBindReadOnlyPaths=/srv/machine-proc:/proc\nExecStart=\n"
                           "ExecStart=/usr/local/libexec/chainkeeper/chainkeeperd --any-network-namespace\n");
}

void BootedNode::start_kubelet(const std::string& arguments) const
{
    write("/etc/default/kubelet", fmt::format("KUBELET_ARGS=\"--reported-version v1.34.2 {}\"\n", arguments));
    systemctl({"start", "kubelet"});
    const auto invocation = property("kubelet", "InvocationID");
    await(
        "kubelet was ready",
        [&] {
            if (!is_active("kubelet"))
                throw std::runtime_error{"kubelet's stand-in has ended"};
            return must_run({"journalctl", "--output=cat", "_SYSTEMD_INVOCATION_ID=" + invocation}).find("ready\n") !=
                   std::string::npos;
        },
        between_looks);
}

repair::Diagnosis BootedNode::examine(Family family)
{
    const auto guarded = guarded_since_1_27(family);
    const auto snapshot = backend_->observe(guarded);
    if (!snapshot)
        throw std::runtime_error{snapshot.error().what};
    return repair::diagnose(guarded, *snapshot);
}

bool BootedNode::is_healthy()
{
    watch_->heard();  // its queue must not run over in a long case
    return std::ranges::all_of(all_families, [this](Family family) { return examine(family).healthy(); });
}

void BootedNode::await_healthy()
{
    await("the node was healthy", [this] { return is_healthy(); });
}

void BootedNode::await_assisted()
{
    await("all was there but the canaries", [this] {
        watch_->heard();
        return std::ranges::all_of(all_families, [this](Family family) {
            return std::ranges::all_of(examine(family).findings, is_left_to_kubelet);
        });
    });
}

std::size_t BootedNode::count(std::string_view text)
{
    watch_->heard();
    return static_cast<std::size_t>(std::ranges::count_if(
        journal(), [&](const JournalEntry& entry) { return field(entry, "MESSAGE").find(text) != std::string::npos; }));
}

void BootedNode::await_log(const std::string& text, std::size_t times)
{
    await(
        fmt::format("the journal said {} time(s): {}", times, text), [&] { return count(text) >= times; },
        between_looks);
}

void BootedNode::await_decision(Family family, const std::string& decision, std::size_t times)
{
    await_log(fmt::format("{}: {}", to_string(family), decision), times);
}

nlohmann::json BootedNode::status() const
{
    const auto status = run({"chainkeeper", "status", "--json"});
    if (status.status > 1)  // 1: something is missing
        throw std::runtime_error{"chainkeeper status: " + status.errors};
    return nlohmann::json::parse(status.output);
}

bool BootedNode::stays_untouched(std::chrono::milliseconds time)
{
    const auto before = watch_->heard().size();
    std::this_thread::sleep_for(time);
    return watch_->heard().size() == before;
}

void BootedNode::await_decisions(const std::string& decision)
{
    for (const auto family : all_families)
        await_decision(family, decision);
}

void drop_filter_table()
{
    nft_script("add table ip filter\ndelete table ip filter\n");
}

}  // namespace chainkeeper::tests
