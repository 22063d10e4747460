// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/node/booted_node.hpp"

#include "tests/netns/await.hpp"
#include "tests/netns/node.hpp"

#include <chrono>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <thread>

// The daemon as a service: started, stopped, killed, watched.
namespace chainkeeper::tests {

using namespace std::chrono_literals;
using repair::Family;

namespace {

constexpr const char* policy = "[repair]\nsettle = \"20ms\"\n[limits]\nrepairs = 1000\n";

std::chrono::milliseconds time_of(const BootedNode& node, const std::vector<std::string>& arguments)
{
    const auto begin = std::chrono::steady_clock::now();
    node.systemctl(arguments);
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
}

unsigned restarts(const BootedNode& node)
{
    return static_cast<unsigned>(std::stoul(node.property("chainkeeperd", "NRestarts")));
}

void await_active(const BootedNode& node)
{
    await(
        "chainkeeperd was active", [&] { return node.is_active("chainkeeperd"); }, 20ms);
}

// Every line is a whole object of JSON.
std::size_t lines_of_history(const BootedNode& node)
{
    std::istringstream text{node.read("/var/lib/chainkeeper/history.jsonl")};
    std::size_t lines = 0;
    for (std::string line; std::getline(text, line); ++lines) {
        CAPTURE(line);
        CHECK(nlohmann::json::parse(line, nullptr, false).is_object());
    }
    return lines;
}

}  // namespace

TEST_CASE("the service has looked when it is started, and has ended a second after it is told to")
{
    BootedNode node;
    node.start_kubelet();
    node.start_daemon(policy);
    node.must_run({"journalctl", "--sync"});
    for (const auto family : repair::all_families)
        CHECK(node.count(fmt::format("{}: healthy", to_string(family))) >= 1);
    CHECK(time_of(node, {"stop", "chainkeeperd"}) < 1s);
    CHECK(node.property("chainkeeperd", "Result") == "success");
}

TEST_CASE("a daemon that hangs is restarted by systemd's watchdog")
{
    BootedNode node;
    node.extend("chainkeeperd", "[Service]\nWatchdogSec=1s\nWatchdogSignal=SIGKILL\nRestartSec=10ms\n");
    node.start_kubelet();
    node.start_daemon(policy);
    CHECK_FALSE(node.property("chainkeeperd", "WatchdogTimestampMonotonic").empty());
    std::this_thread::sleep_for(2500ms);
    CHECK(restarts(node) == 0);
    node.systemctl({"kill", "--signal=STOP", "chainkeeperd"});
    await(
        "systemd had restarted chainkeeperd", [&] { return restarts(node) == 1; }, 50ms);
    await_active(node);
    drop_filter_table();
    node.await_healthy();
}

TEST_CASE(
    "the service writes its metrics where another user, led by a link, reads them, and anew by its watchdog alone")
{
    BootedNode node;
    node.extend("chainkeeperd", "[Service]\nWatchdogSec=4s\n");
    node.start_kubelet();
    node.start_daemon(fmt::format("{}[report]\ntextfile = \"/run/chainkeeper/chainkeeper.prom\"\n", policy));
    node.must_run({"mkdir", "--parents", "/var/lib/prometheus/node-exporter"});
    node.write("/etc/tmpfiles.d/chainkeeper-metrics.conf",
               "L /var/lib/prometheus/node-exporter/chainkeeper.prom - - - - /run/chainkeeper/chainkeeper.prom\n");
    node.must_run({"systemd-tmpfiles", "--create", "/etc/tmpfiles.d/chainkeeper-metrics.conf"});
    const auto metrics = [&] {
        return node.must_run({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat",
                              "/var/lib/prometheus/node-exporter/chainkeeper.prom"});
    };
    await(
        "both families were known",
        [&] { return metrics().find("family_known{family=\"ipv6\"} 1") != std::string::npos; }, 50ms);
    const auto before = metrics();
    await(
        "it was written anew", [&] { return metrics() != before; }, 200ms);
    drop_filter_table();
    node.await_healthy();
    await(
        "the repair was told of",
        [&] { return metrics().find("chainkeeper_recovery_seconds_count 1") != std::string::npos; }, 50ms);
}

TEST_CASE("chainkeeperd goes on when D-Bus is restarted and when systemd executes itself anew")
{
    BootedNode node;
    node.start_kubelet();
    node.start_daemon(policy);
    const auto started = node.property("chainkeeperd", "MainPID");
    node.systemctl({"restart", "dbus"});
    drop_filter_table();
    node.await_healthy();
    await(
        "chainkeeperd was on the bus again",
        [&] {
            return node.run({"chainkeeper", "status"}).status == 0;
        },
        50ms);
    node.systemctl({"daemon-reexec"});
    drop_filter_table();
    node.await_healthy();
    node.systemctl({"stop", "kubelet"});
    node.await_log("no kubelet unit is active");
    drop_filter_table();
    node.await_decision(Family::ipv4, "wait: kubelet_inactive");
    CHECK(node.property("chainkeeperd", "MainPID") == started);
}

TEST_CASE("killed at any moment of a repair the daemon leaves nothing half done")
{
    constexpr int kills = 500;
    BootedNode node;
    node.extend("chainkeeperd", "[Service]\nRestartSec=1ms\n");
    node.start_kubelet();
    node.start_daemon(policy);
    std::mt19937 random{1};
    std::uniform_int_distribution<int> moment{0, 60};
    const auto begin = std::chrono::steady_clock::now();
    for (int killed = 0; killed < kills;) {
        // Every other time while it starts, which takes longer than a repair.
        if (killed % 2 == 0)
            await_active(node);
        drop_filter_table();
        std::this_thread::sleep_for(std::chrono::milliseconds{moment(random)});
        if (node.run({"systemctl", "kill", "--signal=KILL", "--kill-who=main", "chainkeeperd"}).status == 0)
            ++killed;  // else it has no process at that moment
        node.watch().heard();
    }
    node.await_healthy();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    await_active(node);
    const auto ipv4 = node.status().at("families").at(0);
    CHECK(ipv4.at("monitor") == "alive");
    CHECK(node.repairs().size() > kills / 10);
    const auto lines = lines_of_history(node);
    CHECK(lines > 0);
    MESSAGE(fmt::format("{} kills in {:.1f} s: {} repairs, {} restarts, {} lines of history", kills, took.count(),
                        node.repairs().size(), restarts(node), lines));
}

TEST_CASE("what is kept is there after a kill")
{
    BootedNode node;
    node.extend("chainkeeperd", "[Service]\nRestartSec=1ms\n");
    node.start_daemon(policy);
    node.start_kubelet();
    node.await_decisions("kubelet has made its chains");
    node.must_run({"chainkeeper", "hold", "--for", "1h", "--reason", "CHG-1234"});
    const auto before = node.status();
    node.systemctl({"kill", "--signal=KILL", "chainkeeperd"});
    await(
        "systemd had restarted chainkeeperd", [&] { return restarts(node) == 1; }, 20ms);
    await_active(node);
    const auto after = node.status();
    CHECK(after.at("hold") == before.at("hold"));
    CHECK(after.at("families") == before.at("families"));
}

}  // namespace chainkeeper::tests
