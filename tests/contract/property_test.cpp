// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/profile.hpp"
#include "tests/contract/world.hpp"
#include "tests/support/command.hpp"
#include "tests/support/kubelet.hpp"
#include "tests/support/ruleset.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

// Whatever somebody did to a ruleset: a repair adds what is missing of kubelet's, and touches nothing else.
namespace chainkeeper::tests {

using namespace repair;

namespace {

constexpr std::uint64_t first_seed = 20240607;
constexpr int rounds = 300;

class Dice {
public:
    explicit Dice(std::uint64_t seed) : engine_{seed} {}

    bool chance(unsigned percent) { return below(100) < percent; }
    std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>{0, limit - 1}(engine_); }
    template <typename Range>
    const auto& one_of(const Range& range)
    {
        return range[below(range.size())];
    }

private:
    std::mt19937_64 engine_;
};

// Rules of other software, in iptables' words, for each family.
const std::vector<std::string>& foreign_rules(Family family)
{
    static const std::vector<std::string> common{
        "-p tcp -m tcp --dport 22 -j ACCEPT",
        "-p udp -m udp --dport 53 -j ACCEPT",
        "-m addrtype --dst-type LOCAL -j ACCEPT",
        "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-m mark --mark 0x1/0x1 -j RETURN",
        "-m comment --comment \"somebody's rule\" -j RETURN",
        "-m limit --limit 5/min -j LOG --log-prefix \"seen: \"",
        "-j RETURN",
    };
    static const auto with = [](const std::string& rule) {
        auto rules = common;
        rules.push_back(rule);
        return rules;
    };
    static const auto v4 = with("-s 10.0.0.0/12 -d 192.168.0.1/32 -j ACCEPT");
    static const auto v6 = with("-s fe80::/10 -j ACCEPT");
    return family == Family::ipv4 ? v4 : v6;
}

const std::map<Table, std::vector<std::string>> base_chains{
    {Table::mangle, {"PREROUTING", "OUTPUT"}},
    {Table::nat, {"PREROUTING", "OUTPUT", "POSTROUTING"}},
    {Table::filter, {"INPUT", "FORWARD", "OUTPUT"}},
};

// Chains and rules of somebody else, around kubelet's.
std::string foreign_table(Dice& dice, Family family, Table table)
{
    std::string text = fmt::format("*{}\n", to_string(table));
    if (dice.chance(20))
        text += fmt::format(":{} DROP [0:0]\n", table == Table::filter ? "FORWARD" : "OUTPUT");
    for (std::size_t number = 0, chains = dice.below(3); number < chains; ++number) {
        text += fmt::format("-N SITE-{}\n", number);
        for (std::size_t rule = 0, rules = dice.below(3); rule < rules; ++rule)
            text += fmt::format("-A SITE-{} {}\n", number, dice.one_of(foreign_rules(family)));
        text += fmt::format("{} {} -j SITE-{}\n", dice.chance(50) ? "-A" : "-I", dice.one_of(base_chains.at(table)),
                            number);
    }
    for (const auto& chain : base_chains.at(table))
        if (dice.chance(30))
            text += fmt::format("{} {} {}\n", dice.chance(50) ? "-A" : "-I", chain, dice.one_of(foreign_rules(family)));
    return text + "COMMIT\n";
}

std::string foreign_text(Dice& dice, Family family)
{
    std::string text;
    for (const auto table : all_tables)
        if (dice.chance(60))
            text += foreign_table(dice, family, table);
    return text;
}

// What takes away, as one transaction of nft's: first rules, then all rules of chains, then chains, then tables.
class Taking {
public:
    Taking(Dice& dice, const Snapshot& snapshot) : dice_{dice}, snapshot_{snapshot} {}

    std::string script() &&
    {
        for (const auto table : snapshot_.tables)
            if (dice_.chance(10))
                tables_ += fmt::format("delete table {}\n", nft_name(snapshot_.family, table));
            else
                take_from(table);
        std::string script;
        for (const auto& [chain, handle] : rules_)
            script += fmt::format("delete rule {} handle {}\n", chain, handle);
        return script + flushes_ + chains_ + tables_;
    }

private:
    void take_from(Table table)
    {
        for (const auto& chain : snapshot_.chains) {
            if (chain.table != table || dice_.chance(55))
                continue;
            const auto name = nft_name(snapshot_.family, table, chain.name);
            switch (dice_.below(3)) {
            case 0: flushes_ += fmt::format("flush chain {}\n", name); break;
            case 1: take_chain(chain, name); break;
            default: take_rules(chain, name);
            }
        }
    }

    void take_chain(const ObservedChain& chain, const std::string& name)
    {
        const Target jump{Jump{.chain = chain.name}};
        for (const auto& other : snapshot_.chains)
            for (const auto& rule : other.rules)
                if (other.table == chain.table && rule.rule && rule.rule->target == jump)
                    rules_.emplace(nft_name(snapshot_.family, other.table, other.name), rule.handle);
        flushes_ += fmt::format("flush chain {}\n", name);
        chains_ += fmt::format("delete chain {}\n", name);
    }

    void take_rules(const ObservedChain& chain, const std::string& name)
    {
        for (const auto& rule : chain.rules)
            if (dice_.chance(50))
                rules_.emplace(name, rule.handle);
    }

    Dice& dice_;
    const Snapshot& snapshot_;
    std::set<std::pair<std::string, std::uint64_t>> rules_;
    std::string flushes_;
    std::string chains_;
    std::string tables_;
};

// What puts too much into the chains that are left.
std::string additions(Dice& dice, const DesiredState& desired, const Snapshot& snapshot)
{
    std::map<Table, std::string> lines;
    const auto add = [&](Table table, std::string_view chain, const std::string& rule) {
        lines[table] += fmt::format("{} {} {}\n", dice.chance(50) ? "-A" : "-I", chain, rule);
    };
    for (const auto& chain : desired.chains) {
        if (snapshot.find(chain.table, chain.name) == nullptr)
            continue;
        if (dice.chance(10))
            add(chain.table, chain.name, dice.one_of(foreign_rules(desired.family)));
        if (dice.chance(10) && chain.table != Table::nat)
            add(chain.table, chain.name, "-j DROP");
        if (dice.chance(10) && !chain.rules.empty())
            add(chain.table, chain.name, to_string(desired.family, dice.one_of(chain.rules)));
    }
    for (const auto& jump : desired.jumps)
        if (dice.chance(10) && snapshot.find(jump.table, std::get<Jump>(jump.rule.target).chain) != nullptr)
            add(jump.table, jump.base_chain, to_string(desired.family, jump.rule));
    std::string text;
    for (const auto& [table, of_table] : lines)
        text += fmt::format("*{}\n{}COMMIT\n", to_string(table), of_table);
    return text;
}

// The lines that a repair may add to what iptables-save prints; those of `before` which are there already, again.
std::set<std::string> allowed_lines(const DesiredState& desired, const std::string& before)
{
    std::set<std::string> allowed;
    for (const auto& chain : desired.chains) {
        const auto table = fmt::format("*{}", to_string(chain.table));
        if (before.find(table + "\n") == std::string::npos) {
            allowed.insert(table);
            for (const auto* const base : {"INPUT", "OUTPUT", "FORWARD", "PREROUTING", "POSTROUTING"})
                allowed.insert(fmt::format("{} :{} ACCEPT", table, base));
        }
        allowed.insert(fmt::format("{} :{} -", table, chain.name));
        for (const auto& rule : chain.rules)
            allowed.insert(fmt::format("{} -A {} {}", table, chain.name, to_string(desired.family, rule)));
    }
    for (const auto& jump : desired.jumps)
        allowed.insert(
            fmt::format("*{} -A {} {}", to_string(jump.table), jump.base_chain, to_string(desired.family, jump.rule)));
    return allowed;
}

// `text` without one line for each of `lines`.
std::string without(std::string text, const std::vector<std::string>& lines)
{
    for (const auto& line : lines) {
        const auto found = ("\n" + text).find("\n" + line + "\n");
        REQUIRE(found != std::string::npos);
        text.erase(found, line.size() + 1);
    }
    return text;
}

void spoil(Dice& dice, const DesiredState& desired, nft::NftBackend& backend)
{
    auto snapshot = look(backend, desired);
    if (const auto script = Taking{dice, snapshot}.script(); !script.empty())
        nft_script(script);
    snapshot = look(backend, desired);
    if (const auto text = additions(dice, desired, snapshot); !text.empty())
        restore(desired.family, text);
}

Family other(Family family)
{
    return family == Family::ipv4 ? Family::ipv6 : Family::ipv4;
}

// What no round has any business with: it is looked at when all of them are over.
std::string of_others(Family family)
{
    return saved(other(family)) + must_run({"nft", "list", "table", "inet", "site"});
}

class Rounds {
public:
    explicit Rounds(Family family) : family_{family} {}

    void play(std::uint64_t seed)
    {
        Dice dice{seed};
        const auto& profile = dice.one_of(policies::profiles());
        const auto& desired = profile.of(family_);
        flush_(family_);
        restore(family_, foreign_text(dice, family_) + kubelet_restore_text(profile.since.minor, family_) +
                             foreign_text_on_top(dice));
        spoil(dice, desired, world_.backend());
        mend(desired);
    }

    [[nodiscard]] const std::map<FindingKind, int>& findings() const { return findings_; }
    [[nodiscard]] int damaged_rounds() const { return damaged_rounds_; }

private:
    std::string foreign_text_on_top(Dice& dice) const
    {
        std::string text = "*filter\n";
        for (const auto* const chain : {"INPUT", "OUTPUT"})
            if (dice.chance(40))
                text += fmt::format("-I {} {}\n", chain, dice.one_of(foreign_rules(family_)));
        return text + "COMMIT\n";
    }

    void mend(const DesiredState& desired);

    Family family_;
    KernelWorld world_;
    Flush flush_;
    std::map<FindingKind, int> findings_;
    int damaged_rounds_ = 0;
};

void Rounds::mend(const DesiredState& desired)
{
    const auto before = saved(family_);
    const auto diagnosis = examine(world_.backend(), desired);
    for (const auto& finding : diagnosis.findings)
        ++findings_[finding.kind];
    damaged_rounds_ += diagnosis.anything_missing() ? 1 : 0;

    const auto repair = repair_all(world_.backend(), desired);
    CAPTURE(repair.outcome.detail);
    REQUIRE(repair.outcome.kind == Outcome::Kind::committed);
    CHECK(repair.plan.empty() == !diagnosis.anything_missing());

    const auto healed = examine(world_.backend(), desired);
    CHECK_FALSE(healed.anything_missing());
    CHECK(fulfilled(repair.plan, healed));
    CHECK(make_plan(desired, healed, {.canaries = true, .rewrite_damage = false}).empty());

    const auto after = saved(family_);
    const auto [added, removed] = difference(before, after);
    CHECK(removed.empty());
    const auto allowed = allowed_lines(desired, before);
    for (const auto& line : added)
        CHECK_MESSAGE(allowed.contains(line), line);
    CHECK(without(after, added) == before);
}

}  // namespace

TEST_CASE("whatever was done to the ruleset, a repair adds what is missing and nothing else")
{
    for (const auto family : all_families) {
        Rounds rounds_of_family{family};
        nft_script("add table inet site\nadd chain inet site input { type filter hook input priority 5; }\n"
                   "add rule inet site input tcp dport 22 accept\n");
        restore(other(family), "*filter\n-N SITE\n-A INPUT -j SITE\n-A SITE -p tcp -j ACCEPT\nCOMMIT\n");
        const auto before = of_others(family);
        for (std::uint64_t seed = first_seed; seed < first_seed + rounds; ++seed) {
            INFO("family ", to_string(family), ", seed ", seed);
            rounds_of_family.play(seed);
        }
        CHECK(of_others(family) == before);
        CHECK(rounds_of_family.damaged_rounds() > rounds * 3 / 4);
        using enum FindingKind;
        for (const auto kind : {table_missing, base_chain_missing, chain_missing, chain_emptied, rule_missing,
                                jump_missing, chain_damaged, foreign_rule, duplicate_rule, duplicate_jump})
            CHECK_MESSAGE(rounds_of_family.findings().contains(kind), to_string(kind));
    }
}

}  // namespace chainkeeper::tests
