// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/profile.hpp"
#include "repair/restore_text.hpp"
#include "tests/contract/world.hpp"
#include "tests/support/command.hpp"
#include "tests/support/kubelet.hpp"
#include "tests/support/ruleset.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <functional>
#include <optional>
#include <string>
#include <vector>

// What we write iptables knows again; what iptables wrote we know; and of what nft wrote we think as iptables does.
namespace chainkeeper::tests {

using namespace repair;

namespace {

// Calls `examine_one` for every version at which kubelet changed, and each family, in a namespace of its own.
void for_each_profile(const std::function<void(unsigned minor, const DesiredState&)>& examine_one)
{
    REQUIRE(policies::profiles().size() == 3);
    for (const auto& profile : policies::profiles())
        for (const auto family : all_families) {
            CAPTURE(profile.since.minor);
            CAPTURE(to_string(family));
            const NetworkNamespace network_namespace;
            examine_one(profile.since.minor, profile.of(family));
        }
}

std::unique_ptr<nft::NftBackend> backend_here()
{
    auto backend = nft::NftBackend::open();
    REQUIRE(backend);
    return *std::move(backend);
}

// A ruleset that somebody changed after kubelet had made its own.
struct Damage {
    std::string name;
    const char* restore;  // for iptables-restore --noflush
    Scope scope{.canaries = true, .rewrite_damage = false};
};

// The ruleset after the repair of that damage, by `repair`.
std::string repaired(const DesiredState& desired, const Damage& damage,
                     const std::function<void(nft::NftBackend&, const Plan&)>& repair)
{
    const NetworkNamespace network_namespace;
    const auto backend = backend_here();
    if (damage.restore != nullptr) {
        restore(desired.family, kubelet_restore_text(24, desired.family));
        restore(desired.family, damage.restore);
    }
    const auto diagnosis = examine(*backend, desired);
    CHECK_FALSE(diagnosis.healthy());
    const auto plan = make_plan(desired, diagnosis, damage.scope);
    CHECK_FALSE(plan.empty());
    repair(*backend, plan);
    CHECK(fulfilled(plan, examine(*backend, desired)));
    return saved(desired.family);
}

void compare(const DesiredState& desired, const Damage& damage)
{
    const auto committed = repaired(desired, damage, [](nft::NftBackend& backend, const Plan& plan) {
        CHECK(backend.commit(plan).kind == Outcome::Kind::committed);
    });
    const auto restored = repaired(desired, damage, [](nft::NftBackend&, const Plan& plan) {
        const auto text = restore_text(plan);
        CHECK(("\n" + text).find("\n:") == std::string::npos);
        restore(plan.family, text);
    });
    CHECK(restored == committed);
}

// A rule in the chain or base chain CHAIN of the filter or nat table, written by nft or iptables, and a rule of which
// iptables is asked whether it is that.
struct Variant {
    std::string name;
    Rule asked;
    Table table;
    std::string chain;
    std::string nft;      // "add rule ip TABLE CHAIN" and this
    std::string restore;  // or "-A CHAIN" and this
    bool is_known;
};

Rule with(std::vector<Match> matches, Target target)
{
    return {.source = {}, .destination = {}, .matches = std::move(matches), .target = std::move(target)};
}

std::vector<Variant> variants()
{
    const std::string firewall = "KUBE-FIREWALL";
    const std::string localnet = "! -s 127.0.0.0/8 -d 127.0.0.0/8 ";
    const std::string localnet_comment = "-m comment --comment \"block incoming localnet connections\" ";
    const std::string localnet_state = "-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT ";
    const std::string ct = "ip saddr != 127.0.0.0/8 ip daddr 127.0.0.0/8 ct status dnat drop";
    const CommentMatch hi{.text = "hi"};
    const MarkMatch marked{.value = 0x8000, .mask = 0x8000, .inverted = false};
    const AddressMatch to_localnet{.prefix = *prefix_from_string(Family::ipv4, "127.0.0.0/8"), .inverted = false};
    const AddressMatch from_10{.prefix = *prefix_from_string(Family::ipv4, "10.0.0.0/8"), .inverted = false};
    const Rule addressed{.source = from_10, .destination = to_localnet, .matches = {}, .target = Verdict::drop};
    using enum Table;
    return {
        {"iptables' own", localnet_rule(), filter, firewall, "",
         localnet + localnet_comment + localnet_state + "-j DROP", true},
        {"matches in another order", localnet_rule(), filter, firewall, "",
         localnet + localnet_state + localnet_comment + "-j DROP", false},
        {"another comment", localnet_rule(), filter, firewall, "",
         localnet + "-m comment --comment other " + localnet_state + "-j DROP", false},
        {"no comment", localnet_rule(), filter, firewall, "", localnet + localnet_state + "-j DROP", false},
        {"nft's ct", localnet_rule(), filter, firewall, ct, "", false},
        {"nft's ct with the comment", localnet_rule(), filter, firewall,
         ct + " comment \"block incoming localnet connections\"", "", false},
        {"addresses in nft's order", addressed, filter, firewall, "ip saddr 10.0.0.0/8 ip daddr 127.0.0.0/8 drop", "",
         true},
        {"addresses in the other order", addressed, filter, firewall, "ip daddr 127.0.0.0/8 ip saddr 10.0.0.0/8 drop",
         "", true},
        {"one address alone", addressed, filter, firewall, "ip daddr 127.0.0.0/8 drop", "", false},
        {"iptables' mark", marked_rule(), filter, firewall, "",
         "-m comment --comment \"kubernetes firewall for dropping marked packets\" -m mark --mark 0x8000/0x8000 -j "
         "DROP",
         true},
        {"nft's mark", with({marked}, Verdict::drop), filter, firewall, "meta mark & 0x8000 == 0x8000 counter drop", "",
         true},
        {"nft's mark with a comment, which comes last", with({marked, hi}, Verdict::drop), filter, firewall,
         "meta mark & 0x8000 == 0x8000 drop comment \"hi\"", "", true},
        {"nft's mark with a comment, which does not come first", with({hi, marked}, Verdict::drop), filter, firewall,
         "meta mark & 0x8000 == 0x8000 drop comment \"hi\"", "", false},
        {"nft's mark, inverted", unmarked_return_rule(), nat, "KUBE-POSTROUTING", "meta mark & 0x4000 != 0x4000 return",
         "", true},
        {"nft's mark, another bit", unmarked_return_rule(), nat, "KUBE-POSTROUTING",
         "meta mark & 0x8000 != 0x8000 return", "", false},
        {"nft's setting of a mark", mark_drop_rule(), nat, "KUBE-MARK-DROP", "meta mark set meta mark or 0x8000", "",
         false},
        {"iptables' setting of a mark", mark_drop_rule(), nat, "KUBE-MARK-DROP", "", "-j MARK --or-mark 0x8000", true},
        {"nft's masquerading", masquerade_rule(), nat, "KUBE-POSTROUTING",
         "masquerade fully-random comment \"kubernetes service traffic requiring SNAT\"", "", false},
        {"masquerading without its option", masquerade_rule(), nat, "KUBE-POSTROUTING", "",
         "-m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE", false},
        {"nft's drop", with({}, Verdict::drop), filter, firewall, "drop", "", true},
        {"nft's drop, counted", with({}, Verdict::drop), filter, firewall, "counter drop", "", true},
        {"nft's drop with a comment", with({}, Verdict::drop), filter, firewall, "drop comment \"hi\"", "", false},
        {"nft's drop with that comment", with({hi}, Verdict::drop), filter, firewall, "drop comment \"hi\"", "", true},
        {"nft's jump", firewall_jump(), filter, "INPUT", "jump KUBE-FIREWALL", "", true},
        {"nft's jump, counted", firewall_jump(), filter, "INPUT", "counter jump KUBE-FIREWALL", "", true},
        {"nft's jump with a comment", firewall_jump(), filter, "INPUT", "jump KUBE-FIREWALL comment \"x\"", "", false},
        {"nft's goto", firewall_jump(), filter, "INPUT", "goto KUBE-FIREWALL", "", false},
        {"iptables' goto", firewall_jump(), filter, "INPUT", "", "-g KUBE-FIREWALL", false},
        {"nft's jump with kubelet's comment", postrouting_jump(), nat, "POSTROUTING",
         "jump KUBE-POSTROUTING comment \"kubernetes postrouting rules\"", "", true},
        {"iptables' jump without the comment", postrouting_jump(), nat, "POSTROUTING", "", "-j KUBE-POSTROUTING",
         false},
        {"nft's jump for one device", firewall_jump(), filter, "INPUT", "iifname \"lo\" jump KUBE-FIREWALL", "", false},
    };
}

// The chain that a variant's rule stands in, wanted with the rule that is asked for.
DesiredState wanted_by(const Variant& variant)
{
    DesiredState desired{.family = Family::ipv4, .chains = {}, .jumps = {}};
    if (variant.chain.starts_with("KUBE-"))
        desired.chains.push_back(
            {.table = variant.table, .name = variant.chain, .rules = {variant.asked}, .tolerated = {}});
    else
        desired.jumps.push_back({.table = variant.table, .base_chain = variant.chain, .rule = variant.asked});
    return desired;
}

void write(const Variant& variant)
{
    const auto table = to_string(variant.table);
    restore(Family::ipv4, fmt::format("*nat\n-N KUBE-POSTROUTING\n-N KUBE-MARK-DROP\n-A POSTROUTING -s 1.2.3.4\n"
                                      "COMMIT\n*filter\n-N KUBE-FIREWALL\n-A INPUT -s 1.2.3.4\nCOMMIT\n"));
    if (variant.nft.empty())
        restore(Family::ipv4, fmt::format("*{}\n-A {} {}\nCOMMIT\n", table, variant.chain, variant.restore));
    else
        nft_script(fmt::format("add rule {} {}\n", nft_name(Family::ipv4, variant.table, variant.chain), variant.nft));
}

}  // namespace

TEST_CASE("after our repair iptables -C knows every chain, rule and jump, and kubelet has nothing to do")
{
    for_each_profile([](unsigned minor, const DesiredState& desired) {
        const auto backend = backend_here();
        REQUIRE(repair_all(*backend, desired).outcome.kind == Outcome::Kind::committed);
        CHECK(unknown_to_iptables(desired).empty());
        CHECK(missed_by_kubelet(minor, desired.family).empty());
        CHECK(examine(*backend, desired).healthy());
    });
}

TEST_CASE("iptables -C misses what is not there: the check above can fail")
{
    for_each_profile([](unsigned minor, const DesiredState& desired) {
        const auto wanted = desired.chains.size() + desired.jumps.size();
        CHECK(unknown_to_iptables(desired).size() >= wanted);
        const auto set = kubelet_set(minor, desired.family);
        CHECK(missed_by_kubelet(minor, desired.family).size() == set.chains.size() + set.rules.size());
    });
}

TEST_CASE("what kubelet wrote with iptables is healthy")
{
    for_each_profile([](unsigned minor, const DesiredState& desired) {
        make_as_kubelet(minor, desired.family);
        CHECK(examine(*backend_here(), desired).findings.empty());
    });
}

TEST_CASE("after kubelet's own commands and after our repair iptables-save prints the same")
{
    for_each_profile([](unsigned minor, const DesiredState& desired) {
        make_as_kubelet(minor, desired.family);
        const auto by_kubelet = saved(desired.family);
        const NetworkNamespace another;
        repair_all(*backend_here(), desired);
        CHECK(saved(desired.family) == by_kubelet);
    });
}

TEST_CASE("our diagnosis of a rule is that of iptables -C, whoever wrote it")
{
    std::size_t known = 0;
    for (const auto& variant : variants()) {
        CAPTURE(variant.name);
        const NetworkNamespace network_namespace;
        write(variant);
        const auto answer = check(Family::ipv4, variant.table, variant.chain, variant.asked);
        CHECK((answer == 0) == variant.is_known);
        const auto diagnosis = examine(*backend_here(), wanted_by(variant));
        CHECK(diagnosis.anything_missing() != variant.is_known);
        known += variant.is_known ? 1 : 0;
    }
    CHECK(known > 10);
    CHECK(variants().size() - known > 10);
}

TEST_CASE("kubelet calls nft's setting of a mark an error, not a missing rule: it is reported as a copy")
{
    const NetworkNamespace network_namespace;
    restore(Family::ipv4, "*nat\n-N KUBE-MARK-DROP\nCOMMIT\n");
    nft_script("add rule ip nat KUBE-MARK-DROP meta mark set meta mark or 0x8000\n");
    CHECK(check(Family::ipv4, Table::nat, "KUBE-MARK-DROP", mark_drop_rule()) != 0);
    const auto diagnosis = examine(
        *backend_here(),
        {.family = Family::ipv4,
         .chains = {{.table = Table::nat, .name = "KUBE-MARK-DROP", .rules = {mark_drop_rule()}, .tolerated = {}}},
         .jumps = {}});
    REQUIRE(diagnosis.findings.size() == 2);
    CHECK(diagnosis.findings.back().kind == FindingKind::native_copy);
}

TEST_CASE("the plan as text, given to iptables-restore, makes what the commit makes")
{
    const std::vector<Damage> damages{
        {.name = "nothing was ever there", .restore = nullptr},
        {.name = "rules at the front, in the middle and at the end",
         .restore = "*nat\n-D KUBE-POSTROUTING 3\n-D KUBE-POSTROUTING 1\n-A KUBE-MARK-DROP -j RETURN\n"
                    "-F KUBE-MARK-MASQ\nCOMMIT\n*filter\n-D KUBE-FIREWALL 1\n-A KUBE-FIREWALL -p udp\nCOMMIT\n"},
        {.name = "two rules before one, behind a stranger",
         .restore = "*nat\n-D KUBE-POSTROUTING 1\n-D KUBE-POSTROUTING 1\n-I KUBE-POSTROUTING -p udp\nCOMMIT\n"},
        {.name = "jumps, with a base chain that somebody else uses",
         .restore = "*filter\n-F INPUT\n-A INPUT -p tcp\n-A INPUT -p udp\nCOMMIT\n*nat\n-F POSTROUTING\nCOMMIT\n"},
        {.name = "canaries and the hint", .restore = "*mangle\n-X\nCOMMIT\n*nat\n-X KUBE-KUBELET-CANARY\nCOMMIT\n"},
        {.name = "damage before and behind",
         .restore =
             "*filter\n-I KUBE-FIREWALL -j DROP\n-A KUBE-FIREWALL -m comment --comment \"all of it\" -j DROP\n"
             "-A KUBE-FIREWALL -p udp\nCOMMIT\n*nat\n-D KUBE-POSTROUTING 2\n-I KUBE-POSTROUTING -j ACCEPT\nCOMMIT\n",
         .scope = {.canaries = true, .rewrite_damage = true}},
    };
    std::size_t compared = 0;
    for (const auto& profile : policies::profiles())
        for (const auto family : all_families)
            for (const auto& damage : damages) {
                // The newest set has but one rule and two jumps to be damaged.
                if (profile.since.minor == 27 && damage.restore != nullptr)
                    continue;
                CAPTURE(damage.name);
                compare(profile.of(family), damage);
                ++compared;
            }
    CHECK(compared == 2 * (2 * damages.size() + 1));
}

TEST_CASE("base chains are made as iptables makes them")
{
    const std::vector<std::pair<Table, std::vector<const char*>>> base_chains{
        {Table::filter, {"INPUT", "FORWARD", "OUTPUT"}},
        {Table::mangle, {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}},
        {Table::nat, {"PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"}},
    };
    for (const auto family : all_families)
        for (const auto& [table, chains] : base_chains)
            for (const auto* const chain : chains) {
                CAPTURE(std::string{chain});
                const auto name = std::string{to_string(table)};
                const NetworkNamespace network_namespace;
                must_run({iptables(family), "-t", name, "-A", chain, "-j", "ACCEPT"});
                must_run({iptables(family), "-t", name, "-D", chain, "-j", "ACCEPT"});
                const auto by_iptables = nft_ruleset();
                const NetworkNamespace another;
                const auto outcome =
                    backend_here()->commit({.family = family,
                                            .generation = generation(),
                                            .steps = {CreateTable{table}, CreateBaseChain{table, chain}}});
                CHECK(outcome.kind == Outcome::Kind::committed);
                CHECK(nft_ruleset() == by_iptables);
            }
}

}  // namespace chainkeeper::tests
