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
#include <tuple>
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

// What is taken away: first rules, of each chain from the last to the first; then all rules of chains, then chains,
// then tables.
struct Losses {
    std::set<std::pair<ChainName, RulePosition>, decltype([](const auto& left, const auto& right) {
                 return std::tie(left.first, right.second.number) < std::tie(right.first, left.second.number);
             })>
        rules;
    std::vector<ChainName> flushed;
    std::vector<ChainName> chains;
    std::vector<Table> tables;
};

class Taking {
public:
    Taking(Dice& dice, const Snapshot& snapshot) : dice_{dice}, snapshot_{snapshot} {}

    Losses choose() &&
    {
        for (const auto table : snapshot_.tables)
            if (dice_.chance(10))
                losses_.tables.push_back(table);
            else
                take_from(table);
        return std::move(losses_);
    }

private:
    void take_from(Table table)
    {
        for (const auto& chain : snapshot_.chains) {
            if (chain.table != table || dice_.chance(55))
                continue;
            switch (dice_.below(3)) {
            case 0: losses_.flushed.push_back({table, chain.name}); break;
            case 1: take_chain(chain); break;
            default: take_rules(chain);
            }
        }
    }

    void take_chain(const ObservedChain& chain)
    {
        const Target jump{Jump{.chain = chain.name}};
        for (const auto& other : snapshot_.chains)
            if (other.table == chain.table)
                take_rules_if(other, [&](const ObservedRule& rule) { return rule.rule && rule.rule->target == jump; });
        losses_.flushed.push_back({chain.table, chain.name});
        if (!is_base_chain(chain))
            losses_.chains.push_back({chain.table, chain.name});
    }

    void take_rules(const ObservedChain& chain)
    {
        take_rules_if(chain, [&](const ObservedRule&) { return dice_.chance(50); });
    }

    void take_rules_if(const ObservedChain& chain, const auto& wanted)
    {
        std::uint32_t number = 0;
        for (const auto& rule : chain.rules) {
            ++number;
            if (wanted(rule))
                losses_.rules.insert({{chain.table, chain.name}, {.handle = rule.handle, .number = number}});
        }
    }

    static bool is_base_chain(const ObservedChain& chain) { return !chain.name.starts_with("KUBE-"); }

    Dice& dice_;
    const Snapshot& snapshot_;
    Losses losses_;
};

// As one transaction of nft's.
void take(KernelWorld& /*world*/, Family family, const Losses& losses)
{
    std::string script;
    for (const auto& [name, position] : losses.rules)
        script += fmt::format("delete rule {} handle {}\n", nft_name(family, name.table, name.chain), position.handle);
    for (const auto& [table, chain] : losses.flushed)
        script += fmt::format("flush chain {}\n", nft_name(family, table, chain));
    for (const auto& [table, chain] : losses.chains)
        script += fmt::format("delete chain {}\n", nft_name(family, table, chain));
    for (const auto table : losses.tables)
        script += fmt::format("delete table {}\n", nft_name(family, table));
    if (!script.empty())
        nft_script(script);
}

// With iptables-restore, which knows a rule by its number.
void take(LegacyWorld& world, Family family, const Losses& losses)
{
    std::map<Table, std::string> lines;
    for (const auto& [name, position] : losses.rules)
        lines[name.table] += fmt::format("-D {} {}\n", name.chain, position.number);
    for (const auto& [table, chain] : losses.flushed)
        lines[table] += fmt::format("-F {}\n", chain);
    for (const auto& [table, chain] : losses.chains)
        lines[table] += fmt::format("-X {}\n", chain);
    std::string text;
    for (const auto& [table, of_table] : lines)
        text += fmt::format("*{}\n{}COMMIT\n", to_string(table), of_table);
    if (!text.empty())
        restore(family, text);
    for (const auto table : losses.tables)
        world.delete_table(family, table);
}

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

template <typename World>
void spoil(Dice& dice, const DesiredState& desired, World& world)
{
    auto snapshot = look(world.backend(), desired);
    take(world, desired.family, Taking{dice, snapshot}.choose());
    snapshot = look(world.backend(), desired);
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

// Every table of one family as it was at the beginning.
void start_again(KernelWorld& /*world*/, Family family)
{
    Flush{}(family);
}

// There a table is there for ever, once it is there.
void start_again(LegacyWorld& /*world*/, Family family)
{
    std::string text;
    for (const auto& [table, chains] : base_chains) {
        text += fmt::format("*{}\n-F\n-X\n", to_string(table));
        for (const auto& chain : chains)
            text += fmt::format("-P {} ACCEPT\n", chain);
        text += "COMMIT\n";
    }
    restore(family, text);
}

template <typename World>
class Rounds {
public:
    explicit Rounds(Family family) : family_{family} {}

    void play(std::uint64_t seed)
    {
        Dice dice{seed};
        const auto& profile = dice.one_of(policies::profiles());
        const auto& desired = profile.of(family_);
        start_again(world_, family_);
        restore(family_, foreign_text(dice, family_) + kubelet_restore_text(profile.since.minor, family_) +
                             foreign_text_on_top(dice));
        spoil(dice, desired, world_);
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
    World world_;
    std::map<FindingKind, int> findings_;
    int damaged_rounds_ = 0;
};

template <typename World>
void Rounds<World>::mend(const DesiredState& desired)
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

TEST_CASE_TEMPLATE("whatever was done to the ruleset, a repair adds what is missing and nothing else", World,
                   KernelWorld, LegacyWorld)
{
    for (const auto family : all_families) {
        Rounds<World> rounds_of_family{family};
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
        std::set kinds{chain_missing, chain_emptied, rule_missing,   jump_missing,
                       chain_damaged, foreign_rule,  duplicate_rule, duplicate_jump};
        if (World::has_bare_tables)
            kinds.insert({table_missing, base_chain_missing});
        for (const auto kind : kinds)
            CHECK_MESSAGE(rounds_of_family.findings().contains(kind), to_string(kind));
    }
}

}  // namespace chainkeeper::tests
