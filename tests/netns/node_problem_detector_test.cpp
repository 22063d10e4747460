// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/daemon_process.hpp"
#include "tests/netns/kube_proxy.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/process.hpp"
#include "tests/netns/stand_in.hpp"
#include "tests/support/command.hpp"
#include "tests/support/ruleset.hpp"

#include <doctest/doctest.h>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

// The shipped configuration of node-problem-detector's custom plugin, used as node-problem-detector does
// (pkg/custompluginmonitor of its sources).
namespace chainkeeper::tests {

using nlohmann::json;
using repair::Family;

namespace {

const json& configuration()
{
    static const auto parsed = json::parse(text_of(NODE_PROBLEM_DETECTOR));
    return parsed;
}

// A rule's command is run with its own output alone; 0 is well, 1 is a problem, anything else is neither. The output is
// trimmed and cut.
struct Condition {
    std::string status;  // "False", "True", "Unknown"
    std::string message;
};

Condition run_rule(const Node& node, const json& rule)
{
    REQUIRE(rule.at("path") == "/usr/bin/chainkeeper");
    const auto result = chainkeeper(node, rule.at("args").get<std::vector<std::string>>());
    auto message = result.output;
    message.erase(message.find_last_not_of(" \n") + 1);
    CHECK(message.find('\n') == std::string::npos);
    CHECK(message.size() <= configuration().at("pluginConfig").at("max_output_length").get<std::size_t>());
    return {.status = result.status == 0 ? "False" : result.status == 1 ? "True" : "Unknown", .message = message};
}

std::map<std::string, Condition> conditions(const Node& node)
{
    std::map<std::string, Condition> conditions;
    for (const auto& rule : configuration().at("rules"))
        conditions[rule.at("condition")] = run_rule(node, rule);
    return conditions;
}

unsigned seconds_in(const json& duration)
{
    const auto text = duration.get<std::string>();
    REQUIRE(text.ends_with("s"));
    return static_cast<unsigned>(std::stoul(text));
}

}  // namespace

TEST_CASE("node-problem-detector: the configuration is one that it accepts, and each condition has one rule")
{
    const auto& file = configuration();
    CHECK(file.at("plugin") == "custom");
    std::set<std::string> types;
    for (const auto& condition : file.at("conditions")) {
        CHECK(types.insert(condition.at("type")).second);
        CHECK(condition.at("message").get<std::string>().size() <= 80);
    }
    CHECK(types == std::set<std::string>{"IptablesBackendMismatch", "KubeletChainsMissing", "NetfilterDegraded"});
    std::set<std::string> fed;
    const auto limit = seconds_in(file.at("pluginConfig").at("timeout"));
    unsigned longest = 0;
    for (const auto& rule : file.at("rules")) {
        CHECK(rule.at("type") == "permanent");
        CHECK(fed.insert(rule.at("condition")).second);
        longest += seconds_in(rule.at("timeout"));
        CHECK(seconds_in(rule.at("timeout")) <= limit);
    }
    CHECK(fed == types);
    // One after the other, and before they are run again.
    CHECK(file.at("pluginConfig").at("concurrency") == 1);
    CHECK(longest < seconds_in(file.at("pluginConfig").at("invoke_interval")));
}

TEST_CASE("node-problem-detector: each condition is set by its fault, and clears by itself")
{
    const Node node;
    make_once(node);
    make_kube_proxy(Family::ipv4);
    write_text("/proc/sys/net/ipv4/ip_forward", "1");
    const auto check_well = [&] {
        for (const auto& each : conditions(node)) {
            CAPTURE(each.first);
            CHECK(each.second.status == "False");
            CHECK(each.second.message == "nothing is to be done");
        }
    };
    check_well();
    const auto check_fault = [&](const std::string& type, const std::string& message) {
        for (const auto& each : conditions(node)) {
            CAPTURE(each.first);
            CHECK(each.second.status == (each.first == type ? "True" : "False"));
            if (each.first == type)
                CHECK(each.second.message == message);
        }
    };
    run_all(Family::ipv4, {{"-D", "INPUT", "-j", "KUBE-FIREWALL"}});
    check_fault("KubeletChainsMissing",
                "kubelet-chains: ipv4: base chain INPUT of table filter lacks: -j KUBE-FIREWALL");
    run_all(Family::ipv4, {{"-I", "INPUT", "-j", "KUBE-FIREWALL"}});

    must_run({"iptables-legacy", "-A", "INPUT", "-s", "192.0.2.1", "-j", "DROP"});
    check_fault("IptablesBackendMismatch",
                "backend: ipv4: there are rules in nf_tables and in iptables-legacy's tables, …");
    must_run({"iptables-legacy", "-F"});

    run_all(Family::ipv4, {{"-t", "nat", "-F", "KUBE-SEP-AAAAAAAAAAAAAAAA"}});
    check_fault("NetfilterDegraded", "kube-proxy-chains: ipv4 in nf_tables: packets are sent to chains without a ru…");
    run_all(Family::ipv4, {{"-t", "nat", "-A", "KUBE-SEP-AAAAAAAAAAAAAAAA", "-j", "KUBE-MARK-MASQ"}});
    check_well();
}

}  // namespace chainkeeper::tests
