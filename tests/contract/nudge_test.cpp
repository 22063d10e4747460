// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/contract/world.hpp"
#include "tests/support/kubelet.hpp"

#include <doctest/doctest.h>
#include <string>

// The nudge: the canary that tells kubelet's Monitor that nothing happened is deleted, and nothing else.
namespace chainkeeper::tests {

using namespace repair;

namespace {

const std::string canary{kubelet_canary};
constexpr Scope nudge{.nudge = true};

Rule jump_to_canary()
{
    return {.source = {}, .destination = {}, .matches = {}, .target = Jump{.chain = canary}};
}

DesiredState canary_alone()
{
    return {.family = Family::ipv4,
            .chains = {{.table = Table::mangle, .name = canary, .rules = {}, .tolerated = {}}},
            .jumps = {}};
}

template <typename World>
Outcome nudge_now(World& world)
{
    return world.backend().commit({.family = Family::ipv4,
                                   .generation = world.generation(),
                                   .steps = {DeleteChain{.table = Table::mangle, .chain = canary}}});
}

// The canary stays, and so does everything else.
template <typename World>
void refuses_nudge(World& world)
{
    const auto before = world.everything();
    const auto generation = world.generation();
    const auto outcome = nudge_now(world);
    CAPTURE(outcome.detail);
    CHECK(outcome.kind == Outcome::Kind::failed);
    CHECK(outcome.detail.starts_with("the kernel refused to delete chain mangle KUBE-KUBELET-CANARY: "));
    CHECK(world.everything() == before);
    CHECK(world.generation() == generation);
}

}  // namespace

TEST_CASE_TEMPLATE("a nudge takes the mangle canary of its family away, and nothing else", World, FakeWorld,
                   KernelWorld, LegacyWorld)
{
    for (const auto family : all_families) {
        World world;
        const auto desired = guarded_in_1_24(family);
        repair_all(world.backend(), desired);
        world.flush_chain(family, Table::filter, "KUBE-FIREWALL");
        [[maybe_unused]] const auto generation = world.generation();
        const auto plan = make_plan(desired, examine(world.backend(), desired), nudge);
        const auto outcome = world.backend().commit(plan);
        CHECK(outcome.detail.empty());
        CHECK(outcome.kind == Outcome::Kind::committed);
        if constexpr (World::numbers_transactions)
            CHECK(outcome.generation == generation + 1);

        const auto after = examine(world.backend(), desired);
        CHECK(fulfilled(plan, after));
        CHECK(after.mangle_canary_missing());
        CHECK(make_plan(desired, after, nudge).empty());
        CHECK(look(world.backend(), desired).find(Table::nat, canary) != nullptr);
        CHECK(look(world.backend(), desired).find(Table::filter, canary) != nullptr);
        CHECK(make_plan(desired, after, {.canaries = true}).steps.size() == 2 + (family == Family::ipv4 ? 1 : 0));
    }
}

TEST_CASE_TEMPLATE("a canary that came back after a nudge has not been nudged", World, FakeWorld, KernelWorld,
                   LegacyWorld)
{
    World world;
    const auto desired = guarded_since_1_27(Family::ipv4);
    repair_all(world.backend(), desired);
    const auto plan = make_plan(desired, examine(world.backend(), desired), nudge);
    REQUIRE(world.backend().commit(plan).kind == Outcome::Kind::committed);
    world.add_chain(Family::ipv4, Table::mangle, canary);
    CHECK_FALSE(fulfilled(plan, examine(world.backend(), desired)));
}

TEST_CASE_TEMPLATE("a canary that holds a rule is not deleted, and keeps it", World, FakeWorld, KernelWorld,
                   LegacyWorld)
{
    World world;
    world.add_chain(Family::ipv4, Table::mangle, canary);
    world.append_rule(Family::ipv4, Table::mangle, canary, localnet_rule());
    refuses_nudge(world);
    CHECK(make_plan(canary_alone(), examine(world.backend(), canary_alone()), nudge).empty());
}

TEST_CASE_TEMPLATE("a canary that somebody jumps to is not deleted", World, FakeWorld, KernelWorld, LegacyWorld)
{
    World world;
    world.add_chain(Family::ipv4, Table::mangle, canary);
    world.add_chain(Family::ipv4, Table::mangle, "SOMEBODY-ELSES");
    world.append_rule(Family::ipv4, Table::mangle, "SOMEBODY-ELSES", jump_to_canary());
    refuses_nudge(world);
}

TEST_CASE_TEMPLATE("a canary that is not there cannot be deleted", World, FakeWorld, KernelWorld, LegacyWorld)
{
    World world;
    refuses_nudge(world);
    world.add_chain(Family::ipv4, Table::mangle, "SOMEBODY-ELSES");
    refuses_nudge(world);
}

TEST_CASE_TEMPLATE("a nudge that is late is stale", World, FakeWorld, KernelWorld, LegacyWorld)
{
    World world;
    repair_all(world.backend(), canary_alone());
    const auto plan = make_plan(canary_alone(), examine(world.backend(), canary_alone()), nudge);
    world.add_chain(Family::ipv4, Table::mangle, "SOMEBODY-ELSES");
    const auto before = world.everything();
    CHECK(world.backend().commit(plan).kind == Outcome::Kind::stale);
    CHECK(world.everything() == before);
}

}  // namespace chainkeeper::tests
