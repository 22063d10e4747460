// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/node/booted_node.hpp"

#include "tests/netns/await.hpp"
#include "tests/netns/node.hpp"
#include "tests/support/kubelet.hpp"

#include <algorithm>
#include <chrono>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

// Somebody who takes the chains again and again, and who it is.
namespace chainkeeper::tests {

using namespace std::chrono_literals;
using repair::Family;

namespace {

// Starts a unit of which the main program is a shell with this script.
void run_as_unit(const BootedNode& node, const std::string& unit, const std::string& script)
{
    node.must_run({"systemd-run", "--quiet", "--collect", "--unit=" + unit, "bash", "-c", script});
}

// Deletes the jump whenever it is there, `times` times.
std::string deleting_the_jump(unsigned times)
{
    return fmt::format("for ((i = 0; i < {}; ++i)); do\n"
                       "until iptables -C INPUT -j KUBE-FIREWALL; do sleep 0.01; done\n"
                       "iptables -D INPUT -j KUBE-FIREWALL\n"
                       "done",
                       times);
}

nlohmann::json ipv4_status(const BootedNode& node)
{
    return node.status().at("families").at(0);
}

}  // namespace

TEST_CASE("a unit that deletes a chain again and again is met with a standoff that names it, and that ends")
{
    BootedNode node;
    node.show_machine_to_daemon();
    node.start_kubelet();
    node.start_daemon("[repair]\nsettle = \"20ms\"\n"
                      "[limits]\nrepairs = 5\nper = \"10m\"\nbackoff = \"6s\"\nbackoff_max = \"1m\"\n");
    run_as_unit(node, "test-evil", deleting_the_jump(1'000'000));
    node.await_decision(Family::ipv4, "refuse: standoff");
    const auto stood_off = std::chrono::steady_clock::now();
    CHECK(node.repairs().size() == 5);
    const auto status = ipv4_status(node);
    CHECK(status.at("standoff_against") == "test-evil.service");
    CHECK(status.at("standoff_until").is_string());
    const auto text = node.run({"chainkeeper", "status"}).output;
    CHECK(text.find("test-evil.service") != std::string::npos);
    CHECK(node.stays_untouched(2s));
    node.systemctl({"stop", "test-evil"});
    node.await_healthy();
    CHECK(std::chrono::steady_clock::now() - stood_off > 5s);
    CHECK(node.repairs().size() == 6);
}

TEST_CASE("what short commands of a unit took is put down to that unit")
{
    constexpr unsigned commands = 200;
    BootedNode node;
    node.show_machine_to_daemon();
    node.start_kubelet();
    node.start_daemon("[repair]\nsettle = \"0s\"\n[limits]\nrepairs = 1000\n");
    run_as_unit(node, "test-short", deleting_the_jump(commands));
    await(
        "the unit had ended",
        [&] {
            node.watch().heard();
            return !node.is_active("test-short");
        },
        100ms);
    node.await_healthy();
    node.await_log("lost in", commands);
    const auto named = std::ranges::count_if(node.journal(), [](const JournalEntry& entry) {
        return field(entry, "CHAINKEEPER_CULPRIT_UNIT") == "test-short.service" &&
               field(entry, "MESSAGE").find("lost in") != std::string::npos;
    });
    MESSAGE(fmt::format("{} of {} short commands were put down to their unit", named, commands));
    CHECK(named >= commands / 2);
}

}  // namespace chainkeeper::tests
