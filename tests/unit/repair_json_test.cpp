// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/json.hpp"

#include "repair/diagnose.hpp"
#include "tests/support/kubelet.hpp"
#include "tests/support/snapshots.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>

namespace chainkeeper::repair {

namespace {

using namespace tests;
using nlohmann::json;

const std::string localnet = to_string(Family::ipv4, localnet_rule());

}  // namespace

TEST_CASE("a plan is an object with one object for each step")
{
    const Plan plan{.family = Family::ipv4,
                    .generation = 42,
                    .steps = {CreateTable{Table::filter}, CreateBaseChain{Table::filter, "INPUT"},
                              CreateChain{Table::filter, "KUBE-FIREWALL"},
                              AddRule{Table::filter, "KUBE-FIREWALL", localnet_rule(), std::nullopt},
                              AddRule{Table::filter, "KUBE-FIREWALL", localnet_rule(), RulePosition{77, 3}},
                              InsertJump{Table::filter, "INPUT", firewall_jump()},
                              DeleteRule{Table::filter, "KUBE-FIREWALL", RulePosition{78, 4}, firewall_jump()},
                              DeleteChain{Table::mangle, "KUBE-KUBELET-CANARY"}}};
    const json expected = {
        {"family", "ipv4"},
        {"generation", 42},
        {"steps",
         {{{"do", "create_table"}, {"table", "filter"}},
          {{"do", "create_base_chain"}, {"table", "filter"}, {"chain", "INPUT"}},
          {{"do", "create_chain"}, {"table", "filter"}, {"chain", "KUBE-FIREWALL"}},
          {{"do", "add_rule"}, {"table", "filter"}, {"chain", "KUBE-FIREWALL"}, {"rule", localnet}},
          {{"do", "add_rule"}, {"table", "filter"}, {"chain", "KUBE-FIREWALL"}, {"rule", localnet}, {"before_rule", 3}},
          {{"do", "insert_jump"}, {"table", "filter"}, {"chain", "INPUT"}, {"rule", "-j KUBE-FIREWALL"}},
          {{"do", "delete_rule"}, {"table", "filter"}, {"chain", "KUBE-FIREWALL"}, {"rule", "-j KUBE-FIREWALL"}},
          {{"do", "delete_chain"}, {"table", "mangle"}, {"chain", "KUBE-KUBELET-CANARY"}}}}};
    CHECK(to_json(plan) == expected);
}

TEST_CASE("an empty plan and a healthy diagnosis have empty arrays, not nulls")
{
    CHECK(to_json(Plan{.family = Family::ipv6, .generation = 1, .steps = {}}).dump() ==
          R"({"family":"ipv6","generation":1,"steps":[]})");
    CHECK(to_json(Diagnosis{.family = Family::ipv6, .generation = 1, .findings = {}}).dump() ==
          R"({"family":"ipv6","findings":[],"generation":1})");
}

TEST_CASE("a diagnosis is an object with one object for each finding")
{
    const auto desired = guarded_since_1_27(Family::ipv4);
    auto snapshot = snapshot_of(desired);
    remove_table(snapshot, Table::nat);
    chain_in(snapshot, Table::filter, "KUBE-FIREWALL").rules = {
        {.handle = 5, .dialect = Dialect::iptables, .rule = std::nullopt, .expressions = "lookup immediate"}};
    const json expected = {
        {"family", "ipv4"},
        {"generation", 7},
        {"findings",
         {{{"kind", "table_missing"}, {"table", "nat"}, {"text", "table nat is missing"}},
          {{"kind", "rule_missing"},
           {"table", "filter"},
           {"chain", "KUBE-FIREWALL"},
           {"rule", localnet},
           {"text", "chain KUBE-FIREWALL of table filter lacks: " + localnet}},
          {{"kind", "foreign_rule"},
           {"table", "filter"},
           {"chain", "KUBE-FIREWALL"},
           {"text", "chain KUBE-FIREWALL of table filter holds a rule that is not kubelet's: [lookup immediate]"}},
          {{"kind", "chain_missing"},
           {"table", "nat"},
           {"chain", "KUBE-KUBELET-CANARY"},
           {"text", "chain KUBE-KUBELET-CANARY is missing from table nat"}}}}};
    CHECK(to_json(diagnose(desired, snapshot)) == expected);
}

TEST_CASE("a comment of any bytes can be printed as JSON")
{
    Finding finding{.kind = FindingKind::foreign_rule, .table = Table::filter};
    for (const std::string comment :
         {"\xff\xfe", "caf\xe9", "\xc3", "\xed\xa0\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82"}) {
        finding.rule = Rule{
            .source = {}, .destination = {}, .matches = {CommentMatch{.text = comment}}, .target = Verdict::accept};
        const Diagnosis diagnosis{.family = Family::ipv4, .generation = 1, .findings = {finding}};
        std::string text;
        CHECK_NOTHROW(text = to_json(diagnosis).dump());
        CHECK(text.find("-j ACCEPT") != std::string::npos);
    }
}

}  // namespace chainkeeper::repair
