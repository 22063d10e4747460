// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/daemon_process.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/stand_in.hpp"
#include "tests/support/command.hpp"
#include "tests/support/ruleset.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

// What `chainkeeper` tells an operator, and does for them.
namespace chainkeeper::tests {

using repair::all_families;
using repair::Family;

namespace {

const std::string dead = "--assume-monitor=dead";

CommandResult with_policy(const Node& node, std::vector<std::string> arguments, const PolicyText& policy = {})
{
    arguments.insert(arguments.end(), {"--policy", write_policy(node, policy).string()});
    return chainkeeper(node, arguments);
}

nlohmann::json json_of(const CommandResult& result)
{
    CAPTURE(result.output);
    CHECK(result.errors.empty());
    return nlohmann::json::parse(result.output);
}

// The findings of that kind in one family.
int count_findings(const nlohmann::json& family, const std::string& kind)
{
    int count = 0;
    for (const auto& finding : family.at("findings"))
        count += finding.at("kind") == kind ? 1 : 0;
    return count;
}

std::string last_chain_created(const nlohmann::json& plan)
{
    std::string chain;
    for (const auto& step : plan.at("steps"))
        if (step.at("do") == "create_chain")
            chain = fmt::format("{} {}", step.at("table").get<std::string>(), step.at("chain").get<std::string>());
    return chain;
}

}  // namespace

TEST_CASE("check tells by its exit code whether anything is missing, and by what it prints, what")
{
    const Node node;
    make_once(node);
    const auto untouched = generation();
    CHECK(with_policy(node, {"check"}).status == 0);
    auto json = json_of(with_policy(node, {"check", "--json"}));
    CHECK(json.at("healthy") == true);
    CHECK(json.at("families").size() == 2);
    CHECK(generation() == untouched);

    flush(Family::ipv4);
    const auto flushed = generation();
    const auto text = with_policy(node, {"check"});
    CHECK(text.status == 1);
    CHECK(text.output.find("chain KUBE-FIREWALL is missing from table filter") != std::string::npos);
    const auto result = with_policy(node, {"check", "--json"});
    CHECK(result.status == 1);
    json = json_of(result);
    CHECK(json.at("healthy") == false);
    const auto& ipv4 = json.at("families").at(0);
    CHECK(ipv4.at("family") == "ipv4");
    CHECK(ipv4.at("generation") == flushed);
    CHECK(count_findings(ipv4, "table_missing") == 3);
    CHECK(count_findings(ipv4, "chain_missing") == 5);
    CHECK(count_findings(ipv4, "jump_missing") == 2);
    CHECK(json.at("families").at(1).at("findings").empty());
    CHECK(generation() == flushed);
}

TEST_CASE("the text of a plan, fed to iptables-restore, is the repair")
{
    const auto family = each_family();
    Node node{24};
    make_once(node);
    const auto before = kubelet_lines(family);
    flush(family);
    const auto flushed = generation();
    const auto plan = with_policy(node, {"plan", dead}, {.families = fmt::format("[\"{}\"]", to_string(family))});
    CHECK(plan.status == 1);
    CHECK(generation() == flushed);
    must_run({iptables(family, "-restore"), "--noflush"}, plan.output);
    CHECK(node.examine(family).healthy());
    check_as_before(node, family, before);
    CHECK(with_policy(node, {"plan", dead}).status == 0);
}

TEST_CASE("a plan as JSON has the steps and the same text")
{
    const Node node;
    make_once(node);
    flush_everything();
    const auto result = with_policy(node, {"plan", dead, "--json"});
    CHECK(result.status == 1);
    const auto families = json_of(result).at("families");
    REQUIRE(families.size() == 2);
    for (const auto& family : families) {
        CHECK(family.at("decision") == "would_repair: no_monitor");
        CHECK(family.at("plan").at("generation") == generation());
        CHECK(last_chain_created(family.at("plan")) == "mangle KUBE-KUBELET-CANARY");
        CHECK(family.at("restore").get<std::string>().find("-N KUBE-IPTABLES-HINT") != std::string::npos);
    }
}

TEST_CASE("repair heals once; when there is nothing to repair it writes nothing")
{
    Node node;
    make_once(node);
    flush_everything();
    const auto flushed = generation();
    const auto repaired = with_policy(node, {"repair", dead});
    CHECK(repaired.status == 0);
    CHECK(repaired.output.find("ipv4: repair: no_monitor (") != std::string::npos);
    CHECK(repaired.output.find("ipv6: all that was to be repaired is there") != std::string::npos);
    CHECK(generation() == flushed + 2);
    for (const auto family : all_families)
        CHECK(node.examine(family).healthy());

    const auto again = with_policy(node, {"repair", dead});
    CHECK(again.status == 0);
    CHECK(again.output == "ipv4: healthy\nipv6: healthy\n");
    CHECK(generation() == flushed + 2);
}

TEST_CASE("repair --dry-run writes nothing")
{
    const Node node;
    make_once(node);
    flush_everything();
    const auto flushed = generation();
    const auto result = with_policy(node, {"repair", "--dry-run", dead});
    CHECK(result.status == 1);
    CHECK(result.output.find("would_repair: no_monitor") != std::string::npos);
    CHECK(result.output.find("ipv4: would create chain mangle KUBE-KUBELET-CANARY") != std::string::npos);
    CHECK(generation() == flushed);
}

TEST_CASE("repair --json tells what became of it")
{
    const Node node;
    make_once(node);
    flush(Family::ipv6);
    const auto result = with_policy(node, {"repair", dead, "--json"});
    CHECK(result.status == 0);
    const auto json = json_of(result);
    CHECK(json.at("errors").empty());
    const auto& families = json.at("families");
    CHECK(families.at(0).at("decision") == "healthy");
    CHECK(families.at(1).at("decision") == "repair: no_monitor");
    CHECK(families.at(1).at("outcome").at("kind") == "committed");
    CHECK(families.at(1).at("outcome").at("generation") == generation());
    CHECK(families.at(1).at("verified") == true);
}

TEST_CASE("repair that cannot keep what it knows repairs all the same, and says so, as one JSON document too")
{
    Node node;
    make_once(node);
    write_text(node.folder() / "state", "no directory\n");
    run_all(Family::ipv4, {{"-D", "INPUT", "-j", "KUBE-FIREWALL"}});
    const auto result = with_policy(node, {"repair", "--json"});
    CHECK(result.status == 2);
    const auto json = json_of(result);
    REQUIRE(json.at("errors").size() == 1);
    CHECK(json.at("errors").at(0).get<std::string>().find("state/backend") != std::string::npos);
    CHECK(json.at("families").at(0).at("decision") == "repair: partial_flush");
    CHECK(node.examine(Family::ipv4).healthy());
}

TEST_CASE("repair leaves it to the daemon where one runs")
{
    const Node node;
    make_once(node);
    Daemon daemon{node, {.policy = {.mode = "off"}}};
    flush_everything();
    const auto flushed = generation();
    const auto result = with_policy(node, {"repair", dead});
    CHECK(result.status == 2);
    CHECK(result.output.empty());
    CHECK(result.errors.find(fmt::format("(pid {})", daemon.process().pid())) != std::string::npos);
    CHECK(with_policy(node, {"repair", dead, "--dry-run"}).status == 1);
    CHECK(generation() == flushed);
}

TEST_CASE("policy show prints what is in force, and where it was written")
{
    const Node node;
    const auto text = with_policy(node, {"policy", "show"}, {.mode = "off"});
    CHECK(text.status == 0);
    CHECK(text.errors.empty());
    const auto file = node.folder() / "shown.toml";
    std::ofstream{file} << text.output;
    const auto json = json_of(chainkeeper(node, {"policy", "show", "--json", "--policy", file.string()}));
    CHECK(json.at("repair").at("mode").at("value") == "off");
    CHECK(json.at("repair").at("mode").at("from").get<std::string>().starts_with(file.string() + ":"));
    CHECK(json.at("change_window").empty());

    std::ofstream{file} << "[repair]\nmode = 1\n";
    const auto refused = chainkeeper(node, {"policy", "show", "--policy", file.string()});
    CHECK(refused.status == 2);
    CHECK(refused.output.empty());
    CHECK(refused.errors.find(file.string() + ":2:8: 'mode' must be a string") != std::string::npos);
}

TEST_CASE("help and version are answered, and an unknown option is not")
{
    const Node node;
    CHECK(run({CHAINKEEPER, "--version"}).output.starts_with("chainkeeper "));
    CHECK(run({CHAINKEEPERD, "--version"}).output.starts_with("chainkeeperd "));
    for (const auto* const program : {CHAINKEEPER, CHAINKEEPERD}) {
        CHECK(run({program, "--version"}).status == 0);
        CHECK(run({program, "--help"}).status == 0);
        CHECK(run({program, "--no-such-option"}).status == 2);
    }
    for (const auto* const command : {"check", "plan", "repair", "rehearse"}) {
        CHECK(run({CHAINKEEPER, command, "--help"}).status == 0);
        CHECK(run({CHAINKEEPER, command, "--no-such-option"}).status == 2);
    }
    CHECK(run({CHAINKEEPER}).status == 2);
    CHECK(run({CHAINKEEPER, "no-such-command"}).status == 2);
    CHECK(generation() == 1);
}

}  // namespace chainkeeper::tests
