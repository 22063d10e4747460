// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/node/booted_node.hpp"

#include "tests/netns/await.hpp"
#include "tests/netns/node.hpp"

#include <chrono>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

// Holds, change windows, and a policy that is read again.
namespace chainkeeper::tests {

using namespace std::chrono_literals;
using repair::all_families;
using repair::Family;

namespace {

constexpr const char* policy = "[repair]\nsettle = \"100ms\"\n";

// One that opened a minute or two ago, for none is shorter than a minute, and ends `left` from now.
std::string window_open_for(std::chrono::seconds left)
{
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const auto opened = std::chrono::floor<std::chrono::minutes>(now - 1min);
    const std::chrono::hh_mm_ss time{opened - std::chrono::floor<std::chrono::days>(opened)};
    return fmt::format("[[change_window]]\nweekdays = [\"Mon\", \"Tue\", \"Wed\", \"Thu\", \"Fri\", \"Sat\", \"Sun\"]\n"
                       "start = \"{:02}:{:02}\"\nduration = \"{}s\"\ntime_zone = \"UTC\"\n",
                       time.hours().count(), time.minutes().count(), (now - opened + left).count());
}

std::string hold_reason(const BootedNode& node)
{
    const auto hold = node.status().at("hold");
    return hold.is_object() ? hold.at("reason").get<std::string>() : std::string{};
}

// A flush while nothing may be written: the daemon says what it would do, and does not do it.
void check_only_planned(BootedNode& node)
{
    drop_filter_table();
    node.await_decision(Family::ipv4, "would_repair: partial_flush (");
    CHECK(node.stays_untouched(1s));
    CHECK(node.repairs().empty());
    CHECK_FALSE(node.is_healthy());
}

}  // namespace

TEST_CASE("in a change window nothing is written, and at its end the chains come back by themselves")
{
    BootedNode node;
    node.start_kubelet();
    node.start_daemon(policy + window_open_for(15s));
    const auto opened = std::chrono::steady_clock::now();
    check_only_planned(node);
    node.await_healthy();
    CHECK(std::chrono::steady_clock::now() - opened > 5s);
    node.await_decision(Family::ipv4, "repair: partial_flush (");
    CHECK(node.repairs().size() == 1);
}

TEST_CASE(
    "while the daemon is held nothing is written, and when the hold has run out the chains come back by themselves")
{
    BootedNode node;
    node.start_kubelet();
    node.start_daemon(policy);
    node.must_run({"chainkeeper", "hold", "--for", "10s", "--reason", "CHG-1234"});
    CHECK(hold_reason(node) == "CHG-1234");
    check_only_planned(node);
    node.await_healthy();
    node.await_decision(Family::ipv4, "repair: partial_flush (");
    CHECK(node.repairs().size() == 1);
    CHECK(hold_reason(node).empty());
}

TEST_CASE("a hold with --stop does not even plan")
{
    BootedNode node;
    node.start_kubelet();
    node.start_daemon(policy);
    node.must_run({"chainkeeper", "hold", "--for", "1h", "--reason", "CHG-1234", "--stop"});
    drop_filter_table();
    node.await_decision(Family::ipv4, "report: held");
    CHECK(node.stays_untouched(1s));
    CHECK(node.repairs().empty());
    CHECK(node.count("would_repair") == 0);
    node.must_run({"chainkeeper", "release"});
    node.await_healthy();
}

TEST_CASE("a hold outlives a restart of the daemon and a reboot, and a release ends it")
{
    BootedNode node;
    node.systemctl({"enable", "--quiet", "chainkeeperd"});
    node.start_daemon(policy);
    node.must_run({"chainkeeper", "hold", "--for", "1h", "--reason", "CHG-1234"});
    node.systemctl({"restart", "chainkeeperd"});
    CHECK(hold_reason(node) == "CHG-1234");
    node.reboot();
    REQUIRE(node.is_active("chainkeeperd"));
    CHECK(hold_reason(node) == "CHG-1234");
    node.start_kubelet();
    check_only_planned(node);
    node.must_run({"chainkeeper", "release"});
    node.await_healthy();
    CHECK(hold_reason(node).empty());
}

TEST_CASE("a reload takes a good policy, and keeps the old one where the new one is bad")
{
    BootedNode node;
    node.start_kubelet();
    node.start_daemon(policy);
    const auto started = node.property("chainkeeperd", "MainPID");
    node.write_policy("[repair]\nsettel = \"1s\"\n");
    CHECK(node.run({"systemctl", "reload", "chainkeeperd"}).status != 0);
    node.await_log("settel");
    CHECK(node.status().at("policy_error").get<std::string>().find("settel") != std::string::npos);
    drop_filter_table();
    node.await_healthy();
    node.write_policy(std::string{policy} + "mode = \"dry-run\"\n");
    node.systemctl({"reload", "chainkeeperd"});
    CHECK(node.status().at("policy_error").is_null());
    const auto known = node.repairs().size();
    drop_filter_table();
    node.await_decision(Family::ipv4, "would_repair: partial_flush (");
    CHECK(node.stays_untouched(500ms));
    CHECK(node.repairs().size() == known);
    CHECK(node.property("chainkeeperd", "MainPID") == started);
}

TEST_CASE("SIGHUP is a reload too")
{
    BootedNode node;
    node.start_kubelet();
    node.start_daemon(policy);
    node.write_policy(std::string{policy} + "mode = \"dry-run\"\n");
    node.systemctl({"kill", "--signal=HUP", "--kill-who=main", "chainkeeperd"});
    await(
        "the policy was in force", [&] { return node.status().at("mode") == "dry-run"; }, 20ms);
}

}  // namespace chainkeeper::tests
