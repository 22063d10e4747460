// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/contract/world.hpp"
#include "tests/support/kubelet.hpp"

#include <doctest/doctest.h>
#include <set>
#include <string>
#include <vector>

namespace chainkeeper::tests {

using namespace repair;

namespace {

const std::string hint = "KUBE-IPTABLES-HINT";
const std::string firewall = "KUBE-FIREWALL";

const DesiredState& v4()
{
    static const auto desired = guarded_in_1_24(Family::ipv4);
    return desired;
}

Rule drop_all()
{
    return {.source = {}, .destination = {}, .matches = {}, .target = Verdict::drop};
}

Rule accept_commented(std::string comment)
{
    return {.source = {},
            .destination = {},
            .matches = {CommentMatch{.text = std::move(comment)}},
            .target = Verdict::accept};
}

template <typename World>
Plan plan_now(World& world, std::vector<Step> steps, Family family = Family::ipv4)
{
    return {.family = family, .generation = world.generation(), .steps = std::move(steps)};
}

AddRule append(Table table, std::string chain, Rule rule)
{
    return {.table = table, .chain = std::move(chain), .rule = std::move(rule), .before = std::nullopt};
}

const ObservedChain& chain_in(const Snapshot& snapshot, Table table, std::string_view name)
{
    const auto* const chain = snapshot.find(table, name);
    REQUIRE(chain != nullptr);
    return *chain;
}

std::vector<Rule> rules_of(const ObservedChain& chain)
{
    std::vector<Rule> rules;
    for (const auto& observed : chain.rules) {
        REQUIRE(observed.rule);
        CHECK(observed.dialect == Dialect::iptables);
        rules.push_back(*observed.rule);
    }
    return rules;
}

RulePosition position_in(const ObservedChain& chain, std::size_t index)
{
    return {.handle = chain.rules.at(index).handle, .number = static_cast<std::uint32_t>(index + 1)};
}

// The commit was one change, and it is what `outcome` says.
template <typename World>
void check_committed(World& world, const Outcome& outcome, std::uint32_t before)
{
    CHECK(outcome.detail.empty());
    CHECK(outcome.kind == Outcome::Kind::committed);
    CHECK(world.generation() != before);
    if constexpr (World::numbers_transactions) {
        CHECK(outcome.generation == before + 1);
        CHECK(world.generation() == before + 1);
    }
}

// The plan is refused for one step of it, and that changes nothing.
template <typename World>
void refuses(World& world, std::vector<Step> steps, const std::string& named)
{
    const auto before = world.everything();
    const auto generation = world.generation();
    const auto outcome = world.backend().commit(plan_now(world, std::move(steps)));
    CAPTURE(outcome.detail);
    CHECK(outcome.kind == Outcome::Kind::failed);
    CHECK(outcome.generation == 0);
    CHECK(outcome.detail.find("refused to " + named + ": ") != std::string::npos);
    CHECK(world.everything() == before);
    CHECK(world.generation() == generation);
}

}  // namespace

TEST_CASE_TEMPLATE("where there is nothing, nothing is seen, and looking makes nothing", World, FakeWorld, KernelWorld,
                   LegacyWorld)
{
    World world;
    const auto generation = world.generation();
    const auto snapshot = look(world.backend(), v4());
    CHECK(snapshot.family == Family::ipv4);
    CHECK(snapshot.generation == generation);
    CHECK(snapshot.tables.empty());
    CHECK(snapshot.chains.empty());
    CHECK(world.generation() == generation);
    CHECK(world.everything().empty());
}

TEST_CASE_TEMPLATE("a whole repair is one transaction, and leaves nothing to do", World, FakeWorld, KernelWorld,
                   LegacyWorld)
{
    for (const auto family : all_families)
        for (const auto& desired : {guarded_since_1_27(family), guarded_in_1_24(family)}) {
            World world;
            const auto before = look(world.backend(), desired).generation;
            const auto [plan, outcome] = repair_all(world.backend(), desired);
            CHECK_FALSE(plan.empty());
            CHECK(outcome.detail.empty());
            CHECK(outcome.kind == Outcome::Kind::committed);
            CHECK(look(world.backend(), desired).generation != before);
            if constexpr (World::numbers_transactions) {
                CHECK(outcome.generation == before + 1);
                CHECK(world.generation() == before + 1);
            }
            const auto after = examine(world.backend(), desired);
            CHECK(after.healthy());
            CHECK(fulfilled(plan, after));
            CHECK(repair_all(world.backend(), desired).plan.empty());
        }
}

TEST_CASE_TEMPLATE("an empty plan is committed and makes no generation", World, FakeWorld, KernelWorld, LegacyWorld)
{
    World world;
    world.add_chain(Family::ipv4, Table::mangle, hint);
    const auto outcome = world.backend().commit(plan_now(world, {}));
    CHECK(outcome.kind == Outcome::Kind::committed);
    CHECK(outcome.generation == world.generation());
    CHECK(look(world.backend(), v4()).generation == outcome.generation);
}

TEST_CASE_TEMPLATE("only what was asked for is seen", World, FakeWorld, KernelWorld, LegacyWorld)
{
    World world;
    world.add_chain(Family::ipv4, Table::mangle, "SOMEBODY-ELSES");
    world.add_chain(Family::ipv4, Table::nat, "SOMEBODY-ELSES");
    world.add_chain(Family::ipv6, Table::filter, firewall);
    world.add_chain(Family::ipv4, Table::mangle, hint);
    const DesiredState desired{.family = Family::ipv4,
                               .chains = {{.table = Table::mangle, .name = hint, .rules = {}, .tolerated = {}},
                                          {.table = Table::filter, .name = firewall, .rules = {}, .tolerated = {}}},
                               .jumps = {}};
    const auto snapshot = look(world.backend(), desired);
    CHECK(snapshot.tables == std::set{Table::mangle});
    REQUIRE(snapshot.chains.size() == 1);
    CHECK(snapshot.chains.front().name == hint);
}

TEST_CASE_TEMPLATE("rules are seen in their order, each with a handle of its own", World, FakeWorld, KernelWorld,
                   LegacyWorld)
{
    World world;
    repair_all(world.backend(), v4());
    for (const auto* const comment : {"one", "two", "three"})
        world.append_rule(Family::ipv4, Table::filter, firewall, accept_commented(comment));
    const auto snapshot = look(world.backend(), v4());
    const auto& chain = chain_in(snapshot, Table::filter, firewall);
    CHECK(rules_of(chain) == std::vector{marked_rule(), localnet_rule(), accept_commented("one"),
                                         accept_commented("two"), accept_commented("three")});
    std::set<std::uint64_t> handles;
    for (const auto& rule : chain.rules)
        handles.insert(rule.handle);
    CHECK(handles.size() == 5);
    CHECK_FALSE(handles.contains(0));
    CHECK(look(world.backend(), v4()).find(Table::filter, firewall)->rules.back().handle == chain.rules.back().handle);
}

TEST_CASE_TEMPLATE("a plan whose generation has passed is stale, and writes nothing", World, FakeWorld, KernelWorld,
                   LegacyWorld)
{
    World world;
    const auto plan = make_plan(v4(), examine(world.backend(), v4()), {.canaries = true, .rewrite_damage = false});
    world.add_chain(Family::ipv4, Table::nat, "SOMEBODY-ELSES");
    const auto before = world.everything();
    const auto generation = world.generation();
    const auto outcome = world.backend().commit(plan);
    CHECK(outcome.kind == Outcome::Kind::stale);
    CHECK(outcome.generation == 0);
    CHECK(outcome.detail == "the ruleset has moved on from generation " + std::to_string(plan.generation));
    CHECK(world.everything() == before);
    CHECK(world.generation() == generation);

    CHECK(repair_all(world.backend(), v4()).outcome.kind == Outcome::Kind::committed);
    CHECK(examine(world.backend(), v4()).healthy());
}

TEST_CASE_TEMPLATE("a plan of a generation that is yet to come is stale", World, FakeWorld, KernelWorld, LegacyWorld)
{
    World world;
    auto plan = plan_now(world, {CreateTable{Table::mangle}});
    ++plan.generation;
    CHECK(world.backend().commit(plan).kind == Outcome::Kind::stale);
    CHECK(world.everything().empty());
}

TEST_CASE_TEMPLATE("a plan of generation 0, which no ruleset has, is stale", World, FakeWorld, KernelWorld, LegacyWorld)
{
    World world;
    auto plan = plan_now(world, {CreateTable{Table::mangle}});
    plan.generation = 0;
    CHECK(world.backend().commit(plan).kind == Outcome::Kind::stale);
    CHECK(world.everything().empty());
}

TEST_CASE_TEMPLATE("what is there already cannot be made again, and what went before it in the plan is undone", World,
                   FakeWorld, KernelWorld, LegacyWorld)
{
    World world;
    repair_all(world.backend(), v4());
    refuses(world, {CreateChain{Table::nat, "NEW"}, CreateChain{Table::mangle, hint}},
            "create chain mangle KUBE-IPTABLES-HINT");
    refuses(world, {CreateChain{Table::nat, "NEW"}, CreateTable{Table::filter}}, "create table filter");
    refuses(world, {CreateBaseChain{Table::filter, "INPUT"}, CreateChain{Table::nat, "NEW"}},
            "create base chain filter INPUT");
}

TEST_CASE_TEMPLATE("what a step needs has to be there", World, FakeWorld, KernelWorld, LegacyWorld)
{
    World world;
    world.add_chain(Family::ipv4, Table::filter, firewall);
    const RulePosition nowhere{.handle = 4711, .number = 1};
    refuses(world, {CreateChain{Table::nat, "NEW"}}, "create chain nat NEW");
    refuses(world, {CreateBaseChain{Table::nat, "POSTROUTING"}}, "create base chain nat POSTROUTING");
    refuses(world, {append(Table::filter, "NEW", drop_all())}, "add to filter NEW: -j DROP");
    refuses(world, {append(Table::nat, firewall, drop_all())}, "add to nat KUBE-FIREWALL: -j DROP");
    refuses(world, {AddRule{Table::filter, firewall, drop_all(), nowhere}}, "add to filter KUBE-FIREWALL: -j DROP");
    refuses(world, {DeleteRule{Table::filter, firewall, nowhere, drop_all()}},
            "delete from filter KUBE-FIREWALL: -j DROP");
    const auto jumps_to_nothing = "insert into filter INPUT: " + to_string(Family::ipv4, postrouting_jump());
    const InsertJump jump{Table::filter, "INPUT", postrouting_jump()};
    if constexpr (World::has_bare_tables) {
        refuses(world, {InsertJump{Table::filter, "INPUT", firewall_jump()}},
                "insert into filter INPUT: -j KUBE-FIREWALL");
        refuses(world, {CreateBaseChain{Table::filter, "INPUT"}, jump}, jumps_to_nothing);
    } else {
        refuses(world, {jump}, jumps_to_nothing);
    }
}

TEST_CASE_TEMPLATE("nothing jumps to a base chain", World, FakeWorld, KernelWorld, LegacyWorld)
{
    World world;
    world.add_chain(Family::ipv4, Table::filter, firewall);
    const Rule jump{.source = {}, .destination = {}, .matches = {}, .target = Jump{.chain = "INPUT"}};
    std::vector<Step> steps{append(Table::filter, firewall, jump)};
    if constexpr (World::has_bare_tables)
        steps.insert(steps.begin(), CreateBaseChain{Table::filter, "INPUT"});
    refuses(world, steps, "add to filter KUBE-FIREWALL: -j INPUT");
}

TEST_CASE_TEMPLATE("after a refusal the next plan is judged by itself", World, FakeWorld, KernelWorld, LegacyWorld)
{
    World world;
    refuses(world, {CreateChain{Table::nat, "NEW"}}, "create chain nat NEW");
    const auto before = world.generation();
    check_committed(world, world.backend().commit(plan_now(world, {CreateTable{Table::nat}})), before);
}

TEST_CASE_TEMPLATE("a rule goes to the end, or before the one it belongs before", World, FakeWorld, KernelWorld,
                   LegacyWorld)
{
    World world;
    repair_all(world.backend(), v4());
    const auto snapshot = look(world.backend(), v4());
    const auto& chain = chain_in(snapshot, Table::filter, firewall);
    const auto outcome = world.backend().commit(
        plan_now(world, {AddRule{Table::filter, firewall, accept_commented("first"), position_in(chain, 0)},
                         AddRule{Table::filter, firewall, accept_commented("second"), position_in(chain, 0)},
                         AddRule{Table::filter, firewall, accept_commented("fourth"), position_in(chain, 1)},
                         append(Table::filter, firewall, accept_commented("last"))}));
    CHECK(outcome.kind == Outcome::Kind::committed);
    const auto after = look(world.backend(), v4());
    CHECK(rules_of(chain_in(after, Table::filter, firewall)) ==
          std::vector{accept_commented("first"), accept_commented("second"), marked_rule(), accept_commented("fourth"),
                      localnet_rule(), accept_commented("last")});
}

TEST_CASE_TEMPLATE("a jump goes to the front, before what others put there", World, FakeWorld, KernelWorld, LegacyWorld)
{
    World world;
    repair_all(world.backend(), v4());
    world.flush_chain(Family::ipv4, Table::filter, "INPUT");
    world.append_rule(Family::ipv4, Table::filter, "INPUT", accept_commented("somebody else's"));
    const auto [plan, outcome] = repair_all(world.backend(), v4());
    CHECK(outcome.kind == Outcome::Kind::committed);
    CHECK(plan.steps == std::vector<Step>{InsertJump{Table::filter, "INPUT", firewall_jump()}});
    const auto after = look(world.backend(), v4());
    CHECK(rules_of(chain_in(after, Table::filter, "INPUT")) ==
          std::vector{firewall_jump(), accept_commented("somebody else's")});
}

TEST_CASE_TEMPLATE("of two equal rules the one with that handle is deleted", World, FakeWorld, KernelWorld, LegacyWorld)
{
    World world;
    world.add_chain(Family::ipv4, Table::filter, firewall);
    for (const auto& rule : {drop_all(), localnet_rule(), drop_all()})
        world.append_rule(Family::ipv4, Table::filter, firewall, rule);
    const auto position = position_in(chain_in(look(world.backend(), v4()), Table::filter, firewall), 2);
    const auto outcome =
        world.backend().commit(plan_now(world, {DeleteRule{Table::filter, firewall, position, drop_all()}}));
    CHECK(outcome.kind == Outcome::Kind::committed);
    const auto after = look(world.backend(), v4());
    CHECK(rules_of(chain_in(after, Table::filter, firewall)) == std::vector{drop_all(), localnet_rule()});
}

TEST_CASE_TEMPLATE("damage that may be rewritten goes, and what was missing comes, in one transaction", World,
                   FakeWorld, KernelWorld, LegacyWorld)
{
    World world;
    const auto desired = guarded_since_1_27(Family::ipv4);
    repair_all(world.backend(), desired);
    world.flush_chain(Family::ipv4, Table::filter, firewall);
    world.append_rule(Family::ipv4, Table::filter, firewall, drop_all());
    world.append_rule(Family::ipv4, Table::filter, firewall, accept_commented("stays"));
    const auto generation = world.generation();
    const auto plan =
        make_plan(desired, examine(world.backend(), desired), {.canaries = false, .rewrite_damage = true});
    check_committed(world, world.backend().commit(plan), generation);
    CHECK(fulfilled(plan, examine(world.backend(), desired)));
    const auto after = look(world.backend(), desired);
    CHECK(rules_of(chain_in(after, Table::filter, firewall)) ==
          std::vector{accept_commented("stays"), localnet_rule()});
}

TEST_CASE_TEMPLATE("the families do not see each other", World, FakeWorld, KernelWorld, LegacyWorld)
{
    World world;
    const auto v6 = guarded_in_1_24(Family::ipv6);
    repair_all(world.backend(), v4());
    CHECK(look(world.backend(), v6).tables.empty());
    repair_all(world.backend(), v6);
    world.delete_table(Family::ipv4, Table::nat);
    CHECK(examine(world.backend(), v6).healthy());
    CHECK(examine(world.backend(), v4()).anything_missing());
}

TEST_CASE_TEMPLATE("what somebody else takes away is missing, and comes back", World, FakeWorld, KernelWorld,
                   LegacyWorld)
{
    World world;
    repair_all(world.backend(), v4());
    world.delete_chain(Family::ipv4, Table::mangle, std::string{kubelet_canary});
    world.flush_chain(Family::ipv4, Table::nat, "KUBE-POSTROUTING");
    world.flush_chain(Family::ipv4, Table::filter, "OUTPUT");
    const auto diagnosis = examine(world.backend(), v4());
    CHECK(diagnosis.mangle_canary_missing());
    std::vector<FindingKind> kinds;
    for (const auto& finding : diagnosis.findings)
        kinds.push_back(finding.kind);
    CHECK(kinds == std::vector{FindingKind::chain_emptied, FindingKind::chain_missing, FindingKind::jump_missing});
    CHECK(repair_all(world.backend(), v4()).outcome.kind == Outcome::Kind::committed);
    CHECK(examine(world.backend(), v4()).healthy());
}

// A legacy table is replaced whole, however long it is.
TEST_CASE_TEMPLATE("a plan that is too long for one transaction is refused whole", World, FakeWorld, KernelWorld)
{
    World world;
    std::vector<Step> steps{CreateTable{Table::filter}, CreateChain{Table::filter, firewall}};
    steps.resize(2000, append(Table::filter, firewall, localnet_rule()));
    const auto outcome = world.backend().commit(plan_now(world, steps));
    CHECK(outcome.kind == Outcome::Kind::failed);
    CHECK(outcome.detail == "the plan is too long for one transaction");
    CHECK(world.everything().empty());
    steps.resize(100);
    CHECK(world.backend().commit(plan_now(world, steps)).kind == Outcome::Kind::committed);
}

TEST_CASE("the fake can be told to fail, and keeps a log")
{
    FakeBackend fake;
    fake.fail_observe(Error{ErrorCode::overflow, "lost"});
    CHECK(fake.observe(v4()).error().code == ErrorCode::overflow);
    fake.fail_observe(std::nullopt);
    fake.fail_commit(Outcome{.kind = Outcome::Kind::denied, .generation = 0, .detail = "no"});
    CHECK(repair_all(fake, v4()).outcome.kind == Outcome::Kind::denied);
    CHECK(fake.ruleset().text().empty());
    fake.fail_commit(std::nullopt);
    CHECK(repair_all(fake, v4()).outcome.kind == Outcome::Kind::committed);
    CHECK(fake.log() == std::vector<std::string>{"observe ipv4", "observe ipv4", "commit ipv4: denied", "observe ipv4",
                                                 "commit ipv4: committed"});
}

TEST_CASE("somebody else can write between the fake's look and its commit, once")
{
    FakeBackend fake;
    fake.before_commit(
        [&] { fake.edit([](FakeRuleset& ruleset) { ruleset.create_table(Family::ipv6, Table::nat); }); });
    CHECK(repair_all(fake, v4()).outcome.kind == Outcome::Kind::stale);
    CHECK(repair_all(fake, v4()).outcome.kind == Outcome::Kind::committed);
}

TEST_CASE("the fake counts generations as the kernel does: 0 is left out")
{
    FakeBackend fake;
    fake.set_generation(0xffffffff);
    CHECK(repair_all(fake, v4()).outcome.generation == 1);
    CHECK(fake.generation() == 1);
}

}  // namespace chainkeeper::tests
