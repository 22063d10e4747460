// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/client.hpp"
#include "tests/netns/await.hpp"
#include "tests/netns/daemon_process.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/private_bus.hpp"
#include "tests/netns/stand_in.hpp"
#include "tests/support/command.hpp"
#include "tests/support/environment.hpp"
#include "tests/support/ruleset.hpp"

#include <algorithm>
#include <chrono>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <string>
#include <thread>
#include <vector>

// What only a node with iptables-legacy has.
namespace chainkeeper::tests {

using repair::all_families;
using repair::Family;

namespace {

constexpr const char* mended = "all that was to be repaired is there";

// azure-npm's search for kubelet's backend: the first that answers, and how many would.
struct Detection {
    std::string first;
    unsigned backends = 0;
};

bool has_chain_of_mangle(const std::string& program, const std::string& chain)
{
    return run({program, "-w", "60", "-L", chain, "-t", "mangle", "-n"}).status == 0;
}

Detection detect()
{
    Detection detection;
    for (const std::string program : {"iptables-nft", "iptables-legacy"}) {
        if (!has_chain_of_mangle(program, "KUBE-IPTABLES-HINT") && !has_chain_of_mangle(program, "KUBE-KUBELET-CANARY"))
            continue;
        ++detection.backends;
        if (detection.first.empty())
            detection.first = program;
    }
    return detection;
}

// The `iptables` of a node, which somebody can choose, as update-alternatives does.
class Alternatives {
public:
    Alternatives(const Node& node, const std::string& backend) : folder_{node.folder() / "programs"}
    {
        std::filesystem::create_directories(folder_);
        choose(backend);
    }
    void choose(const std::string& backend) const
    {
        std::filesystem::create_symlink("/usr/sbin/xtables-" + backend + "-multi", folder_ / "new");
        std::filesystem::rename(folder_ / "new", folder_ / "iptables");
    }

private:
    std::filesystem::path folder_;
    Variable path_{"PATH", folder_.string() + ":/usr/sbin:/usr/bin:/sbin:/bin"};
};

// Takes the xtables lock, flushes IPv4's tables under it, and holds it for so long. iptables is told of another lock,
// or it would wait for this one.
Process flush_and_lock_for(const Node& node, const std::string& seconds)
{
    const auto script =
        fmt::format("printf '*nat\\n-F\\n-X\\nCOMMIT\\n*mangle\\n-F\\n-X\\nCOMMIT\\n*filter\\n-F\\n-X\\nCOMMIT\\n' | "
                    "XTABLES_LOCKFILE={} iptables-legacy-restore --noflush && exec sleep {}",
                    (node.folder() / "another.lock").string(), seconds);
    return Process{{.arguments = {"flock", "/run/xtables.lock", "sh", "-c", script},
                    .environment = {},
                    .output = node.folder() / "flock.out",
                    .errors = node.folder() / "flock.log"}};
}

}  // namespace

TEST_CASE("legacy: a daemon that finds out by itself repairs where kubelet's chains were, and azure-npm finds them")
{
    const auto backend = each_backend();
    Node node{27, backend};
    const Alternatives alternatives{node, std::string{to_string(backend)}};
    make_once(node);
    const Daemon daemon{node, {.policy = {.backend = "auto"}, .arguments = {"--assume-monitor=dead"}}};
    for (int round = 1; round <= 3; ++round) {
        flush_everything();
        node.await_healthy();
        for (const auto family : all_families)
            daemon.await_log(decided(family, mended), static_cast<std::size_t>(round));
        const auto found = detect();
        CHECK(found.first == (backend == IptablesBackend::nft ? "iptables-nft" : "iptables-legacy"));
        CHECK(found.backends == 1);
    }
}

TEST_CASE("legacy: with the node's own iptables-legacy-restore it heals as well")
{
    for (const unsigned minor : {24U, 27U}) {
        Node node{minor, IptablesBackend::legacy};
        make_once(node);
        const auto before = kubelet_lines(Family::ipv4);
        const Daemon daemon{node,
                            {.policy = {.transport = "iptables-restore"}, .arguments = {"--assume-monitor=dead"}}};
        flush_everything();
        node.await_healthy();
        daemon.await_log(decided(Family::ipv4, mended));
        check_as_before(node, Family::ipv4, before);
    }
}

TEST_CASE("legacy: on a node of nf_tables no legacy table is ever made")
{
    Node node{24};
    make_once(node);
    {
        const Daemon daemon{node, {.policy = {.backend = "auto"}, .arguments = {"--assume-monitor=dead"}}};
        flush_everything();
        node.await_healthy();
        chainkeeper(node, {"check"});
        chainkeeper(node, {"plan", "--policy", (node.folder() / "policy.toml").string()});
    }
    CHECK(must_run({"cat", "/proc/thread-self/net/ip_tables_names", "/proc/thread-self/net/ip6_tables_names"}).empty());
}

TEST_CASE("legacy: a lock that is held beyond its deadline is reported with its holder, and the repair comes after it")
{
    Node node{27, IptablesBackend::legacy};
    make_once(node);
    const Daemon daemon{
        node, {.policy = {.legacy_poll = "200ms", .lock_deadline = "300ms"}, .arguments = {"--assume-monitor=dead"}}};
    {
        auto holder = flush_and_lock_for(node, "3");
        // flock(1) forks: the lock is its child's as well, and named is whoever took it.
        daemon.await_log("ipv4: lock_timeout: /run/xtables.lock is locked by flock (pid ");
        CHECK(node.examine(Family::ipv4).anything_missing());
        CHECK(holder.await_end() == 0);
    }
    node.await_healthy(Family::ipv4);
    daemon.await_log(decided(Family::ipv4, mended));
    CHECK(daemon.count("lock_timeout") == 1);
}

TEST_CASE("legacy: while it waits for the lock the daemon answers on the bus")
{
    Node node{27, IptablesBackend::legacy};
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    const Variable runtime{"RUNTIME_DIRECTORY", (node.folder() / "run").string()};
    make_once(node);
    const Daemon daemon{node,
                        {.policy = {.require_active = "false", .legacy_poll = "200ms", .lock_deadline = "200ms"},
                         .arguments = {"--assume-monitor=dead"}}};
    const auto client = daemon::DaemonClient::find(std::chrono::seconds{10});
    REQUIRE(client);
    auto holder = flush_and_lock_for(node, "5");
    daemon.await_log("ipv4: lock_timeout: ");
    std::vector<daemon::Duration> times;
    const daemon::SystemClock clock;
    for (int call = 0; call < 200; ++call) {
        const auto asked = clock.now();
        REQUIRE(client->history(1));
        times.push_back(clock.now() - asked);
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    CHECK_FALSE(holder.exit_code());
    std::ranges::sort(times);
    constexpr daemon::Duration bar = std::chrono::milliseconds{10};
    MESSAGE("with the xtables lock held, an answer of the daemon took ",
            std::chrono::duration_cast<std::chrono::microseconds>(times[100]).count(), " us in the median");
    // A busy machine holds up one or another.
    CHECK(times[190] < bar);
    CHECK(holder.await_end() == 0);
    node.await_healthy(Family::ipv4);
}

TEST_CASE("legacy: the lock's file may come, and be replaced")
{
    Node node{27, IptablesBackend::legacy};
    make_once(node);
    std::filesystem::remove("/run/xtables.lock");
    const Daemon daemon{node, {.policy = {.legacy_poll = "1h"}, .arguments = {"--assume-monitor=dead"}}};
    flush(Family::ipv4);
    node.await_healthy(Family::ipv4);
    daemon.await_log(decided(Family::ipv4, mended));
    must_run({"sh", "-c", "touch /run/new && mv /run/new /run/xtables.lock"});
    flush(Family::ipv4);
    node.await_healthy(Family::ipv4);
    daemon.await_log(decided(Family::ipv4, mended), 2);
}

TEST_CASE("legacy: another /run over the one with the lock is found out by asking, and watched from then on")
{
    Node node{27, IptablesBackend::legacy};
    make_once(node);
    const Daemon daemon{node, {.policy = {.legacy_poll = "500ms"}, .arguments = {"--assume-monitor=dead"}}};
    must_run({"mount", "-t", "tmpfs", "tmpfs", "/run"});
    for (std::size_t flushes = 1; flushes <= 2; ++flushes) {
        flush(Family::ipv4);
        node.await_healthy(Family::ipv4);
        daemon.await_log(decided(Family::ipv4, mended), flushes);
    }
    must_run({"umount", "--lazy", "/run"});
}

TEST_CASE("legacy: whoever asks what is missing takes no flush from the daemon")
{
    Node node{27, IptablesBackend::legacy};
    make_once(node);
    const Daemon daemon{node, {.policy = {.legacy_poll = "1s"}, .arguments = {"--assume-monitor=dead"}}};
    const Variable elsewhere{"XTABLES_LOCKFILE", (node.folder() / "another.lock").string()};
    flush(Family::ipv4);
    chainkeeper(node, {"check"});
    node.await_healthy(Family::ipv4);
}

TEST_CASE("legacy: a rule that took the place of another of the same length is missed, also where IPv6 is left out")
{
    Node node{27, IptablesBackend::legacy};
    make_once(node);
    run_all(Family::ipv4, {{"-N", "OTHER"}});
    const Daemon daemon{node, {.policy = {.families = R"(["ipv4"])", .legacy_poll = "200ms"}}};
    run_all(Family::ipv4, {{"-R", "INPUT", "1", "-j", "OTHER"}});
    node.await_healthy(Family::ipv4);
}

TEST_CASE("legacy: what others write to legacy tables is nothing to a node of nf_tables")
{
    Node node;
    make_once(node);
    const Daemon daemon{node, {.policy = {.monitor_interval = "100ms"}}};
    flush_everything();
    const auto flushed = std::chrono::steady_clock::now();
    // For longer than kubelet's time: 100 ms, and 15 s that it may take besides.
    while (std::chrono::steady_clock::now() < flushed + std::chrono::seconds{18})
        for (const auto* const how : {"-A", "-D"})
            must_run({"iptables-legacy", "-w", "-t", "mangle", how, "OUTPUT", "-j", "ACCEPT"});
    daemon.await_log("ipv4: repair: monitor_silent (");
    node.await_healthy(Family::ipv4);
    CHECK(daemon.log().find("entry lost") == std::string::npos);
}

TEST_CASE("legacy: who had the lock and wrote nothing is not blamed for the next flush")
{
    Node node{27, IptablesBackend::legacy};
    make_once(node);
    const Daemon daemon{node, {.arguments = {"--assume-monitor=dead"}}};
    must_run({"flock", "/run/xtables.lock", "sleep", "0.5"});
    flush(Family::ipv4);
    node.await_healthy(Family::ipv4);
    daemon.await_log("flush by ");
    CHECK(daemon.count("flush by flock") == 0);
}

TEST_CASE("legacy: who writes without the lock is found out by asking")
{
    Node node{27, IptablesBackend::legacy};
    make_once(node);
    const Daemon daemon{node, {.policy = {.legacy_poll = "200ms"}, .arguments = {"--assume-monitor=dead"}}};
    const Variable elsewhere{"XTABLES_LOCKFILE", (node.folder() / "another.lock").string()};
    flush(Family::ipv4);
    node.await_healthy(Family::ipv4);
    daemon.await_log(decided(Family::ipv4, mended));
}

TEST_CASE("legacy: a kubelet that changes its iptables is followed, and what it left is reported")
{
    Node node{27, IptablesBackend::nft};
    const Alternatives alternatives{node, "nft"};
    make_once(node);
    const Daemon daemon{node, {.policy = {.backend = "auto"}, .arguments = {"--assume-monitor=dead"}}};
    alternatives.choose("legacy");
    daemon.await_log("iptables is another one by now: guarded chains are in nf_tables; nft was in use before; iptables "
                     "-V says legacy");
    flush_filter(Family::ipv4);
    daemon.await_log("ipv4: refuse: backend_ambiguous (");
    CHECK(node.examine(Family::ipv4).anything_missing());
    // kubelet's next init.
    const WithIptables now{IptablesBackend::legacy};
    make_once(node);
    daemon.await_log("ipv4: chain KUBE-IPTABLES-HINT is in table mangle of nf_tables too, which kubelet does not use");
    CHECK(has_chain_of_mangle("iptables-nft", "KUBE-IPTABLES-HINT"));
    // Its own is mended, and the leftovers are left alone.
    run_all(Family::ipv4, {{"-D", "INPUT", "-j", "KUBE-FIREWALL"}});
    const repair::Rule jump{
        .source = {}, .destination = {}, .matches = {}, .target = repair::Jump{.chain = "KUBE-FIREWALL"}};
    await("the jump was put back", [&] { return check(Family::ipv4, repair::Table::filter, "INPUT", jump) == 0; });
    daemon.await_log(decided(Family::ipv4, mended));
}

}  // namespace chainkeeper::tests
