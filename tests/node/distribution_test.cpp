// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/await.hpp"
#include "tests/node/booted_node.hpp"

#include <algorithm>
#include <chrono>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

// A restart of the firewall as the distributions do it, and what an operator finds of it in the journal.
namespace chainkeeper::tests {

using namespace std::chrono_literals;
using repair::Family;

namespace {

// `journalctl --unit=chainkeeperd --output=json`: what its present run has written of one kind of event.
std::vector<nlohmann::json> journal_of(const BootedNode& node, const std::string& event)
{
    const auto invocation = node.property("chainkeeperd", "InvocationID");
    std::istringstream text{node.must_run({"journalctl", "--unit=chainkeeperd", "--output=json",
                                           "CHAINKEEPER_EVENT=" + event, "_SYSTEMD_INVOCATION_ID=" + invocation})};
    std::vector<nlohmann::json> entries;
    for (std::string line; std::getline(text, line);)
        entries.push_back(nlohmann::json::parse(line));
    return entries;
}

bool has(const std::vector<nlohmann::json>& entries, const std::string& field, const std::string& value)
{
    return std::ranges::any_of(entries,
                               [&](const nlohmann::json& entry) { return entry.value(field, std::string{}) == value; });
}

// A node on which that unit has loaded its rules and kubelet has made its chains, restarts the unit.
void restart(BootedNode& node, const std::string& unit)
{
    node.show_machine_to_daemon();
    node.systemctl({"start", unit});
    node.start_daemon("[kubelet]\nmonitor_interval = \"10m\"\n[repair]\nsettle = \"100ms\"\n");
    node.start_kubelet("--monitor-interval 600");
    node.await_decisions("kubelet has made its chains");
    node.systemctl({"restart", unit});
}

void check_told(const BootedNode& node, const std::string& unit, const std::string& decision)
{
    await(
        "the journal named " + unit, [&] { return has(journal_of(node, "flush"), "CHAINKEEPER_CULPRIT_UNIT", unit); },
        50ms);
    CHECK(has(journal_of(node, "repair"), "CHAINKEEPER_DECISION", decision));
}

}  // namespace

TEST_CASE("Azure Linux 3: a restart of iptables is healed and told, with its unit")
{
    BootedNode node;
    restart(node, "iptables.service");
    node.await_decisions("repair: assist (");
    node.await_assisted();
    check_told(node, "iptables.service", "repair: assist");
}

TEST_CASE("RHEL: a restart of iptables is healed and told, with its unit")
{
    BootedNode node;
    node.extend("iptables", "[Service]\n"
                            "ExecStart=\nExecStart=/usr/libexec/iptables/iptables.init start\n"
                            "ExecStop=\nExecStop=/usr/libexec/iptables/iptables.init stop\n");
    restart(node, "iptables.service");
    node.await_decision(Family::ipv4, "repair: assist (");
    node.await_assisted();
    check_told(node, "iptables.service", "repair: assist");
    CHECK(node.read("/run/iptables-failures").empty());
}

TEST_CASE("Debian: a restart of netfilter-persistent is healed and told, with its unit")
{
    BootedNode node;
    restart(node, "netfilter-persistent.service");
    node.await_decision(Family::ipv4, "repair: partial_flush (");
    node.await_healthy();
    check_told(node, "netfilter-persistent.service", "repair: partial_flush");
}

}  // namespace chainkeeper::tests
