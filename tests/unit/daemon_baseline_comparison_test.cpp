// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/baseline/comparison.hpp"
#include "daemon/baseline/comparison_text.hpp"
#include "daemon/baseline/normal_ruleset.hpp"
#include "daemon/command/screen.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

using namespace chainkeeper::daemon::baseline;
using chainkeeper::daemon::screen_width;
using chainkeeper::repair::Family;
using chainkeeper::repair::IptablesVariant;
using chainkeeper::repair::SurveyedRule;
using chainkeeper::repair::Verdict;
using End = SurveyedRule::End;

namespace {

constexpr Place nft{.variant = IptablesVariant::nft, .family = Family::ipv4};
constexpr Place legacy{.variant = IptablesVariant::legacy, .family = Family::ipv4};

ChainName name_of(std::string table, std::string chain, Place place = nft)
{
    return {.place = place, .table = std::move(table), .chain = std::move(chain)};
}

Baseline healthy()
{
    return {
        {name_of("filter", "INPUT"), {.policy = Verdict::accept, .rules = {"jump KUBE-FIREWALL"}}},
        {name_of("filter", "KUBE-FIREWALL"), {.rule_count = 1, .rules = {"match:conntrack drop"}}},
        {name_of("filter", "KUBE-SERVICES"), {}},
        {name_of("filter", "cali-FORWARD"), {.rules = {"match:mark accept"}}},
        {name_of("nat", "KUBE-SERVICES"), {.rules = {"jump KUBE-NODEPORTS", "jump KUBE-SVC-*"}}},
        {name_of("nat", "KUBE-SVC-*"), {.chains = 20, .rule_count = 40, .policy = {}, .rules = {"jump KUBE-SEP-*"}}},
        {name_of("nat", "KUBE-SEP-*"), {.chains = 20, .policy = {}, .rules = {"target:DNAT"}}},
        {name_of("filter", "cali-tw-*"), {.chains = 30, .policy = {}, .rules = {"match:conntrack accept"}}},
    };
}

// What they say when the healthy one was changed.
std::vector<std::string> said(const std::function<void(Baseline&)>& change, bool may_be_normal)
{
    auto now = healthy();
    change(now);
    std::vector<std::string> sentences;
    for (const auto& difference : compare(healthy(), now))
        if (difference.may_be_normal == may_be_normal)
            sentences.push_back(sentence_of(difference));
    return sentences;
}

using Sentences = std::vector<std::string>;

SurveyedRule rule(std::string_view table, std::string_view chain, End end, std::string_view words = "",
                  std::string_view to = "", bool narrows = true)
{
    return {.table = table, .chain = chain, .end = end, .jump_to = to, .words = words, .narrows = narrows};
}

}  // namespace

TEST_CASE("baseline: a ruleset is told by whose chains there are and which kinds of rules they have")
{
    NormalRuleset ruleset{nft};
    ruleset.add_chain({.table = "filter", .chain = "THROWN-AWAY"});
    ruleset.add_chain({.table = "filter", .chain = "KUBE-THROWN-AWAY"});
    ruleset.begin_again();
    ruleset.add_chain({.table = "filter", .chain = "INPUT", .policy = Verdict::accept});
    ruleset.add_chain({.table = "filter", .chain = "FORWARD", .policy = Verdict::drop});
    ruleset.add_chain({.table = "filter", .chain = "OUTPUT", .policy = Verdict::accept});
    ruleset.add_chain({.table = "filter", .chain = "KUBE-FIREWALL"});
    ruleset.add_chain({.table = "filter", .chain = "DOCKER"});
    ruleset.add_chain({.table = "nat", .chain = "KUBE-SVC-NPX46M4PTMTKRN6Y"});
    ruleset.add_chain({.table = "nat", .chain = "KUBE-SVC-TCOU7JCQXEZGVUNU"});
    ruleset.add_chain({.table = "kube-proxy", .chain = "services"});
    ruleset.add_chain({.table = "firewalld", .chain = "filter_INPUT", .policy = Verdict::drop});
    ruleset.add_rule(rule("filter", "INPUT", End::jump, "match:comment", "KUBE-FIREWALL"));
    ruleset.add_rule(rule("filter", "INPUT", End::jump, "", "DOCKER"));
    ruleset.add_rule(rule("filter", "INPUT", End::accept, "-i"));
    ruleset.add_rule(rule("filter", "FORWARD", End::drop, "match:comment", "", false));
    ruleset.add_rule(rule("filter", "FORWARD", End::other, "target:REJECT", "", false));
    ruleset.add_rule(rule("filter", "FORWARD", End::other, "target:LOG", "", false));
    ruleset.add_rule(rule("filter", "KUBE-FIREWALL", End::drop, "match:conntrack"));
    ruleset.add_rule(rule("filter", "KUBE-FIREWALL", End::drop, "match:conntrack"));
    ruleset.add_rule(rule("filter", "KUBE-FIREWALL", End::drop));
    ruleset.add_rule(rule("filter", "KUBE-FIREWALL", End::other));
    ruleset.add_rule(rule("filter", "DOCKER", End::drop));
    ruleset.add_rule(rule("nat", "KUBE-SVC-NPX46M4PTMTKRN6Y", End::jump, "-d", "KUBE-SEP-AAAAAAAAAAAAAAAA"));
    ruleset.add_rule(rule("nat", "KUBE-SVC-TCOU7JCQXEZGVUNU", End::jump, "-d", "KUBE-SEP-BBBBBBBBBBBBBBBB"));
    ruleset.add_rule(rule("kube-proxy", "services", End::jump, "meta", "service-ULMVA6XW-ns1/svc1/tcp/p80"));
    const Baseline expected{
        {name_of("filter", "INPUT"),
         {.rule_count = 3, .policy = Verdict::accept, .rules = {"match:comment jump KUBE-FIREWALL"}}},
        {name_of("filter", "FORWARD"),
         {.rule_count = 3, .policy = Verdict::drop, .rules = {"match:comment drop", "target:REJECT"}}},
        {name_of("filter", "KUBE-FIREWALL"), {.rule_count = 4, .rules = {"match:conntrack drop", "drop", "nothing"}}},
        {name_of("nat", "KUBE-SVC-*"), {.chains = 2, .rule_count = 2, .policy = {}, .rules = {"-d jump KUBE-SEP-*"}}},
        {name_of("kube-proxy", "services"), {.rule_count = 1, .rules = {"meta jump service-*"}}},
    };
    CHECK(std::move(ruleset).finish() == expected);
}

TEST_CASE("baseline: nothing differs from itself")
{
    CHECK(compare(healthy(), healthy()).empty());
    CHECK(compare({}, {}).empty());
}

TEST_CASE("baseline: what breaks a node is named, and each of it by its name")
{
    CHECK(said([](Baseline& now) { now[name_of("nat", "KUBE-SVC-*")].rules.insert("match:comment drop"); }, false) ==
          Sentences{"ipv4 in nf_tables: nat KUBE-SVC-* has `match:comment drop`"});
    CHECK(said([](Baseline& now) { now.erase(name_of("filter", "KUBE-FIREWALL")); }, false) ==
          Sentences{"ipv4 in nf_tables: filter KUBE-FIREWALL is not there"});
    CHECK(said([](Baseline& now) { now.erase(name_of("filter", "INPUT")); }, false) ==
          Sentences{"ipv4 in nf_tables: filter INPUT has no `jump KUBE-FIREWALL`"});
    CHECK(said([](Baseline& now) { now[name_of("filter", "FORWARD")].policy = Verdict::drop; }, false) ==
          Sentences{"ipv4 in nf_tables: filter FORWARD: policy drop, and was accept"});
    CHECK(said([](Baseline& now) { now[name_of("filter", "KUBE-FIREWALL")].rules.insert("drop"); }, false) ==
          Sentences{"ipv4 in nf_tables: filter KUBE-FIREWALL has `drop`"});
    CHECK(said([](Baseline& now) { now[name_of("nat", "KUBE-SERVICES")].rules.erase("jump KUBE-NODEPORTS"); }, false) ==
          Sentences{"ipv4 in nf_tables: nat KUBE-SERVICES has no `jump KUBE-NODEPORTS`"});
    CHECK(said([](Baseline& now) { now.erase(name_of("nat", "KUBE-SVC-*")); }, false) ==
          Sentences{"ipv4 in nf_tables: nat KUBE-SVC-* is not there"});
    CHECK(said([](Baseline& now) { now[name_of("filter", "KUBE-FIREWALL")].rule_count = 11; }, false) ==
          Sentences{"ipv4 in nf_tables: filter KUBE-FIREWALL: 11 rules, and was 1"});
    CHECK(said([](Baseline& now) { now[name_of("filter", "KUBE-FIREWALL")].rule_count = 10; }, false) == Sentences{});
    CHECK(said([](Baseline& now) { now[name_of("filter", "KUBE-FIREWALL", legacy)] = {}; }, false) ==
          Sentences{"ipv4 in iptables-legacy's tables: filter KUBE-FIREWALL is there"});
}

TEST_CASE("baseline: the last way to Services and endpoints that is cut matters, one of several does not")
{
    const auto cut = [](const char* chain, const char* rule) {
        return said([&](Baseline& now) { now[name_of("nat", chain)].rules.erase(rule); }, false);
    };
    CHECK(cut("KUBE-SERVICES", "jump KUBE-SVC-*") ==
          Sentences{"ipv4 in nf_tables: nat KUBE-SERVICES has no `jump KUBE-SVC-*`"});
    CHECK(cut("KUBE-SVC-*", "jump KUBE-SEP-*") ==
          Sentences{"ipv4 in nf_tables: nat KUBE-SVC-* has no `jump KUBE-SEP-*`"});
    CHECK(cut("KUBE-SEP-*", "target:DNAT") == Sentences{"ipv4 in nf_tables: nat KUBE-SEP-* has no `target:DNAT`"});
    CHECK(said([](Baseline& now) { now[name_of("nat", "KUBE-SVC-*")].rules = {"match:statistic jump KUBE-SEP-*"}; },
               false) == Sentences{});
}

TEST_CASE("baseline: what differs between healthy nodes may be normal")
{
    const auto check = [](const std::function<void(Baseline&)>& change, const std::string& sentence) {
        CHECK(said(change, false) == Sentences{});
        CHECK(said(change, true) == Sentences{sentence});
    };
    check([](Baseline& now) { now.erase(name_of("filter", "cali-tw-*")); },
          "ipv4 in nf_tables: filter cali-tw-* is not there");
    check([](Baseline& now) { now[name_of("nat", "KUBE-SVL-*")] = {}; }, "ipv4 in nf_tables: nat KUBE-SVL-* is there");
    check([](Baseline& now) { now[name_of("nat", "KUBE-SVC-*")].rules.insert("-s jump KUBE-MARK-MASQ"); },
          "ipv4 in nf_tables: nat KUBE-SVC-* has `-s jump KUBE-MARK-MASQ`");
    check([](Baseline& now) { now[name_of("filter", "KUBE-SERVICES")].rules.insert("-d target:REJECT"); },
          "ipv4 in nf_tables: filter KUBE-SERVICES has `-d target:REJECT`");
    check([](Baseline& now) { now[name_of("nat", "KUBE-SERVICES")].rules.insert("-d jump KUBE-MARK-MASQ"); },
          "ipv4 in nf_tables: nat KUBE-SERVICES has `-d jump KUBE-MARK-MASQ`");
    check([](Baseline& now) { now[name_of("nat", "CNI-HOSTPORT-DNAT")] = {}; },
          "ipv4 in nf_tables: nat CNI-HOSTPORT-DNAT is there");
    check([](Baseline& now) { now[name_of("filter", "INPUT")].rules.insert("match:addrtype jump CNI-HOSTPORT-DNAT"); },
          "ipv4 in nf_tables: filter INPUT has `match:addrtype jump CNI-HOSTPORT-DNAT`");
    check([](Baseline& now) { now[name_of("nat", "KUBE-HOSTPORTS")] = {}; },
          "ipv4 in nf_tables: nat KUBE-HOSTPORTS is there");
    check([](Baseline& now) { now[name_of("filter", "cali-tw-*")].rules.insert("drop"); },
          "ipv4 in nf_tables: filter cali-tw-* has `drop`");
    check([](Baseline& now) { now[name_of("nat", "KUBE-SVC-*")].chains = 4; },
          "ipv4 in nf_tables: nat KUBE-SVC-*: 4 chains, and was 20");
    check([](Baseline& now) { now[name_of("nat", "KUBE-SVC-*")].rule_count = 82; },
          "ipv4 in nf_tables: nat KUBE-SVC-*: 82 rules, and was 40");
    CHECK(said([](Baseline& now) { now[name_of("nat", "KUBE-SVC-*")].chains = 10; }, true) == Sentences{});
    CHECK(said([](Baseline& now) { now[name_of("nat", "KUBE-SVC-*")].chains = 41; }, true) == Sentences{});
    CHECK(said([](Baseline& now) { now[name_of("nat", "KUBE-SVC-*")].chains = ~std::size_t{0}; }, true).size() == 1);
}

TEST_CASE("baseline: a family whose chains are all in the other backend is told in one sentence")
{
    Baseline moved;
    for (const auto& [name, chain] : healthy())
        moved[name_of(name.table, name.chain, legacy)] = chain;
    const auto differences = compare(healthy(), moved);
    REQUIRE(differences.size() == 1);
    CHECK(sentence_of(differences.front()) ==
          "ipv4: all chains were in nf_tables, and are in iptables-legacy's tables");
    CHECK(any_matters(differences));
    CHECK(sentence_of(compare(moved, healthy()).front()) ==
          "ipv4: all chains were in iptables-legacy's tables, and are in nf_tables");
}

TEST_CASE(
    "baseline: the worst comes first: kubelet's chains, kube-proxy's, those of plugins, and what may be normal last")
{
    const auto differences = compare(healthy(), {});
    Sentences sentences;
    for (const auto& difference : differences)
        sentences.push_back(sentence_of(difference));
    CHECK(sentences == Sentences{
                           "ipv4 in nf_tables: filter KUBE-FIREWALL is not there",
                           "ipv4 in nf_tables: filter KUBE-SERVICES is not there",
                           "ipv4 in nf_tables: nat KUBE-SEP-* is not there",
                           "ipv4 in nf_tables: nat KUBE-SERVICES is not there",
                           "ipv4 in nf_tables: nat KUBE-SVC-* is not there",
                           "ipv4 in nf_tables: filter cali-FORWARD is not there",
                           "ipv4 in nf_tables: filter INPUT has no `jump KUBE-FIREWALL`",
                           "ipv4 in nf_tables: filter cali-tw-* is not there",
                       });
}

TEST_CASE("baseline: the text fits a terminal, and its last line says how much matters")
{
    const SavedBaseline saved{.node = "node-a\x1b[31m", .saved = "2026-11-28T08:00:00.000000Z", .baseline = healthy()};
    auto now = healthy();
    now.erase(name_of("filter", "KUBE-FIREWALL"));
    now[name_of("nat", "KUBE-SERVICES")].rules.insert("match:comment match:addrtype match:conntrack match:mark drop");
    now.erase(name_of("filter", "cali-tw-*"));
    const auto text = comparison_text(saved, compare(healthy(), now), false);
    CHECK(text == "missing   ipv4 in nf_tables: filter KUBE-FIREWALL is not there\n"
                  "may be    ipv4 in nf_tables: filter cali-tw-* is not there\n"
                  "          ipv4 in nf_tables: nat KUBE-SERVICES has `match:comment match:addrtype\n"
                  "          match:conntrack match:mark drop`\n"
                  "differs   1 difference from node-a?[31m, saved 2026-11-28 08:00:00 UTC;\n"
                  "          `chainkeeper doctor` says what to do\n");
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);)
        CHECK(line.size() <= screen_width);
    CHECK(comparison_text(saved, {}, false) == "same      as on node-a?[31m, saved 2026-11-28 08:00:00 UTC\n");
}

TEST_CASE("baseline: JSON says the same")
{
    const SavedBaseline saved{.node = "node-a", .saved = "2026-11-28T08:00:00.000000Z", .baseline = healthy()};
    auto now = healthy();
    now[name_of("filter", "INPUT")].rules.clear();
    const auto json = comparison_json(saved, compare(healthy(), now));
    CHECK(json["same"] == false);
    CHECK(json["node"] == "node-a");
    CHECK(json["saved"] == saved.saved);
    REQUIRE(json["differences"].size() == 1);
    const nlohmann::json expected{{"kind", "missing_rule"},
                                  {"may_be_normal", false},
                                  {"backend", "nft"},
                                  {"family", "ipv4"},
                                  {"table", "filter"},
                                  {"chain", "INPUT"},
                                  {"rule", "jump KUBE-FIREWALL"},
                                  {"was", ""},
                                  {"is", ""},
                                  {"text", "ipv4 in nf_tables: filter INPUT has no `jump KUBE-FIREWALL`"}};
    CHECK(json["differences"][0] == expected);
    now = healthy();
    now.erase(name_of("filter", "cali-tw-*"));
    CHECK(comparison_json(saved, compare(healthy(), now))["same"] == true);
}
