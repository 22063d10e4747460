// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/await.hpp"
#include "tests/node/booted_node.hpp"

#include <chrono>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>

// The units beside the daemon's: a look after a change of the firewall, and a hold.
namespace chainkeeper::tests {

using namespace std::chrono_literals;

namespace {

constexpr const char* policy = "[repair]\nsettle = \"20ms\"\n";
constexpr const char* recheck = "chainkeeper-recheck";

std::chrono::milliseconds time_of_restart(const BootedNode& node)
{
    const auto begin = std::chrono::steady_clock::now();
    node.systemctl({"restart", "iptables"});
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
}

// How often it has run to its end.
std::size_t runs(const BootedNode& node)
{
    node.must_run({"journalctl", "--sync"});
    const auto said = node.run({"journalctl", "--boot", "--output=cat", "UNIT=chainkeeper-recheck.service"}).output;
    std::size_t runs = 0;
    for (const auto* const end : {"Finished ", "Failed to start "})
        for (auto at = said.find(end); at != std::string::npos; at = said.find(end, at + 1))
            ++runs;
    return runs;
}

// `what`, and then it runs to its end once more.
void await_run_after(const BootedNode& node, const std::vector<std::string>& what)
{
    const auto before = runs(node);
    node.systemctl(what);
    await(
        "the recheck had run", [&] { return runs(node) > before; }, 50ms);
}

// iptables.service runs, and wants the recheck from now on.
void start_firewall(const BootedNode& node)
{
    node.systemctl({"enable", "--quiet", recheck});
    await_run_after(node, {"start", "iptables"});
}

}  // namespace

TEST_CASE("a restart of iptables ends in a recheck by the daemon")
{
    BootedNode node;
    node.start_kubelet();
    node.start_daemon(policy);
    start_firewall(node);
    await_run_after(node, {"restart", "iptables"});
    CHECK(node.property(recheck, "Result") == "success");
    node.await_log("chainkeeper-recheck.service");
    node.await_assisted();
}

TEST_CASE("a restart of iptables while the daemon is stopped ends in one repair")
{
    BootedNode node;
    start_firewall(node);
    node.start_kubelet();
    node.start_daemon(policy);
    node.systemctl({"stop", "chainkeeperd"});
    await_run_after(node, {"restart", "iptables"});
    CHECK(node.property(recheck, "Result") == "success");
    node.await_assisted();
    CHECK_FALSE(node.is_active("chainkeeperd"));
    CHECK(node.watch().heard_of("chainkeeper").size() == 2);
}

TEST_CASE("a repair without a daemon is by its policy, and leaves a daemon what it needs")
{
    BootedNode node;
    start_firewall(node);
    node.start_kubelet();
    node.write_policy(std::string{policy} + "mode = \"dry-run\"\n");
    drop_filter_table();
    await_run_after(node, {"start", recheck});
    CHECK(node.watch().heard_of("chainkeeper").empty());
    CHECK_FALSE(node.is_healthy());
    node.write_policy(std::string{policy} + "[kubelet]\ninit_grace = \"100ms\"\n");
    node.systemctl({"start", recheck});
    node.await_healthy();
    node.systemctl({"start", "chainkeeperd"});
    CHECK(node.status().at("backend").at("name") == "nft");
}

TEST_CASE("a recheck that fails or hangs neither fails a restart of iptables nor delays it by much")
{
    BootedNode node;
    node.start_kubelet();
    node.systemctl({"start", "iptables"});
    const auto without = time_of_restart(node);
    node.extend(recheck, "[Service]\nExecStart=\nExecStart=/usr/local/bin/chainkeeper nonsense\n");
    node.systemctl({"enable", "--quiet", recheck});
    const auto before = runs(node);
    const auto with_failure = time_of_restart(node);
    await(
        "the recheck had run", [&] { return runs(node) > before; }, 50ms);
    CHECK(node.property(recheck, "Result") == "exit-code");
    CHECK(node.is_active("iptables"));
    node.extend(recheck, "[Service]\nExecPaths=/usr/bin/bash /usr/bin/sleep\nExecStart=\n"
                         "ExecStart=/usr/bin/bash -c \"trap '' TERM; while :; do sleep 1; done\"\n");
    const auto with_hang = time_of_restart(node);
    await(
        "the recheck hung", [&] { return node.property(recheck, "ActiveState") == "activating"; }, 20ms);
    const auto after_hang = time_of_restart(node);
    CHECK(node.is_active("iptables"));
    MESSAGE(
        fmt::format("a restart took {} ms; {} ms with a recheck that fails, {} ms with one that hangs, {} ms where one "
                    "hung",
                    without.count(), with_failure.count(), with_hang.count(), after_hang.count()));
    // Far from TimeoutStartSec=. The last waited for the end of what hung, which is a second, and systemd's default 90.
    for (const auto took : {with_failure, with_hang, after_hang})
        CHECK(took < without + 4s);
    node.systemctl({"stop", recheck});
}

TEST_CASE("a unit holds the daemon for as long as its name says")
{
    BootedNode node;
    CHECK(node.run({"systemctl", "start", "chainkeeper-hold@90m"}).status != 0);  // there is no daemon yet
    node.start_kubelet();
    node.start_daemon(policy);
    node.systemctl({"start", "chainkeeper-hold@90m"});
    const auto hold = node.status().at("hold");
    REQUIRE(hold.is_object());
    CHECK(hold.at("reason") == "chainkeeper-hold@90m.service");
    CHECK(hold.at("login") == "chainkeeper");
    const auto text = node.must_run({"chainkeeper", "status"});
    CHECK(text.find("in 1 h 29 min") != std::string::npos);
}

TEST_CASE("a timer holds the daemon by systemd's calendar")
{
    BootedNode node;
    node.start_kubelet();
    node.start_daemon(policy);
    node.must_run({"cp", "/usr/local/share/doc/chainkeeper/chainkeeper-hold@8h.timer", "/run/systemd/system/"});
    node.write("/run/systemd/system/chainkeeper-hold@8h.timer.d/test.conf",
               "[Timer]\nOnCalendar=\nOnCalendar=*:*:* UTC\nRandomizedDelaySec=0\n");
    node.systemctl({"daemon-reload"});
    node.systemctl({"start", "chainkeeper-hold@8h.timer"});
    await(
        "the daemon was held", [&] { return node.status().at("hold").is_object(); }, 50ms);
    node.systemctl({"stop", "chainkeeper-hold@8h.timer"});
    node.must_run({"rm", "-r", "/run/systemd/system/chainkeeper-hold@8h.timer",
                   "/run/systemd/system/chainkeeper-hold@8h.timer.d"});
}

}  // namespace chainkeeper::tests
