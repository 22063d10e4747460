// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/keeper_node.hpp"

#include <doctest/doctest.h>

using namespace chainkeeper;
using namespace chainkeeper::tests;
using namespace std::chrono_literals;
using daemon::Keeper;
using daemon::UnitsSeen;
using Decisions = std::vector<std::string>;

namespace {

constexpr auto ipv4 = repair::Family::ipv4;

UnitsSeen with_restart(UnitsSeen units, daemon::Instant since)
{
    units.disruptor_jobs.push_back({.unit = "iptables.service", .type = "restart", .since = since});
    return units;
}

// A node on which kubelet has made its chains an hour ago, and its journal said so.
struct HealthyNode : KeeperNode {
    HealthyNode() : units{running_kubelet("one", clock.now() - 1h)}
    {
        make_chains();
        keeper.hear_units(units);
        keeper.hear_init(ipv4, true);
        CHECK(run_until(1s) == Decisions{"healthy"});
    }
    UnitsSeen units;
};

}  // namespace

TEST_CASE("keeper: where systemd is expected, nothing is looked at before it has answered, and not for ever")
{
    KeeperNode node;
    node.keeper.await_units();
    SUBCASE("it answers")
    {
        CHECK(node.run_until(1s).empty());
        CHECK(node.look_now().empty());
        node.keeper.hear_units(UnitsSeen{});
        CHECK(node.run_until(1min) == Decisions{"wait: kubelet_inactive"});
    }
    SUBCASE("it does not")
    {
        CHECK(node.run_until(5s).empty());
        CHECK(node.run_until(2s) == Decisions{"wait: kubelet_inactive"});
        CHECK(node.backend.ruleset().text().empty());
    }
}

TEST_CASE("keeper: nothing is written for a kubelet that does not run, until it starts and has had its time")
{
    HealthyNode node;
    node.keeper.hear_units(UnitsSeen{});
    (void)node.run_until(1s);
    node.flush_all();
    const auto generation = node.backend.generation();
    CHECK(node.run_until(1h) == Decisions{"wait: kubelet_inactive"});
    CHECK(node.backend.generation() == generation);

    node.keeper.hear_units(running_kubelet("two", node.clock.now()));
    SUBCASE("it makes its chains")
    {
        CHECK(node.run_until(1s) == Decisions{"wait: kubelet_initialising"});
        node.make_chains();
        node.keeper.hear_init(ipv4, true);
        CHECK(node.run_until(1h) == Decisions{"healthy"});
    }
    SUBCASE("it fails, and its journal says so: all of it comes back at once")
    {
        CHECK(node.run_until(1s) == Decisions{"wait: kubelet_initialising"});
        node.keeper.hear_init(ipv4, false);
        CHECK(node.run_until(1s) == Decisions{"repair: no_monitor"});
        CHECK(node.has_canaries());
    }
    SUBCASE("nothing is heard of it: its grace, then its deadline")
    {
        CHECK(node.run_until(29s) == Decisions{"wait: kubelet_initialising"});
        CHECK(node.run_until(2s) == Decisions{"repair: assist"});
        CHECK_FALSE(node.has_canaries());
        CHECK(node.run_until(1min) == Decisions{"repair: monitor_silent"});
        CHECK(node.has_canaries());
        node.flush_all();
        CHECK(node.run_until(1s) == Decisions{"repair: no_monitor"});  // dead, for this instance
    }
    CHECK(node.sink.all<daemon::KubeletNews>().size() >= 3);
}

TEST_CASE("keeper: a restart of the firewall is one burst, however long its commands pause")
{
    HealthyNode node;
    node.keeper.hear_units(with_restart(node.units, node.clock.now()));
    node.flush_filter();
    CHECK(node.run_until(3s).empty());
    node.flush_filter();
    CHECK(node.run_until(3s).empty());
    const auto generation = node.backend.generation();

    SUBCASE("it ends: when the ruleset has settled")
    {
        node.change_something_else();
        node.keeper.hear_units(node.units);
        CHECK(node.run_until(499ms).empty());
        CHECK(node.run_until(1ms) == Decisions{"repair: partial_flush"});
        REQUIRE(node.sink.all<daemon::Settled>().size() == 1);
        const auto culprit = node.sink.all<daemon::Settled>()[0].burst.culprit();
        CHECK(culprit.unit == "iptables.service");
        CHECK(culprit.confidence == daemon::Confidence::job);
    }
    SUBCASE("it does not end: not for longer than settle_deadline")
    {
        CHECK(node.run_until(3999ms).empty());
        CHECK(node.backend.generation() == generation);
        CHECK(node.run_until(1ms) == Decisions{"repair: partial_flush"});
    }
    SUBCASE("systemd goes away: as far as anybody knows the job runs on")
    {
        node.keeper.hear_units(std::nullopt);
        CHECK_FALSE(node.keeper.units());
        CHECK(node.run_until(3999ms).empty());
        CHECK(node.run_until(1ms) == Decisions{"repair: partial_flush"});
    }
}

TEST_CASE("keeper: what is known outlives a systemd that cannot be asked for a while")
{
    HealthyNode node;
    const auto before = node.keeper.evidence();
    node.keeper.hear_units(std::nullopt);
    (void)node.run_until(1s);
    node.keeper.hear_units(node.units);
    (void)node.run_until(1s);
    CHECK(node.keeper.evidence() == before);
    CHECK(node.sink.all<daemon::KubeletNews>().size() == 2);  // it runs, and it made its chains: no news since
}

TEST_CASE("keeper: a restraint keeps it from writing, and when it is lifted the chains come back without any event")
{
    HealthyNode node;
    bool stopped = false;
    SUBCASE("dry")
    {
        stopped = false;
    }
    SUBCASE("stopped")
    {
        stopped = true;
    }
    node.keeper.restrain({.write_free = true, .stopped = stopped});
    (void)node.run_until(1s);
    for (int flushes = 0; flushes < 20; ++flushes) {
        node.flush_filter();
        const auto decisions = node.run_until(1s);
        REQUIRE_FALSE(decisions.empty());
        CHECK(decisions.front() ==
              (stopped ? "report: held" : (flushes < 10 ? "would_repair: partial_flush" : "refuse: standoff")));
        CHECK_FALSE(node.has_all_but_canaries());
        if (!stopped && flushes == 10)
            break;
    }
    const auto generation = node.backend.generation();
    CHECK(node.run_until(1s).empty());
    CHECK(node.backend.generation() == generation);
    node.keeper.restrain({});
    CHECK(node.run_until(1s) == Decisions{"repair: partial_flush"});
    CHECK(node.has_all_but_canaries());
}

TEST_CASE("keeper: a kubelet that makes no chains has none to be guarded")
{
    HealthyNode node;
    node.keeper.guard(ipv4, Keeper::Guarding::never);
    node.flush_all();
    const auto generation = node.backend.generation();
    CHECK(node.run_until(1h).empty());
    CHECK(node.backend.generation() == generation);
    const auto examined = node.keeper.examine();
    REQUIRE(examined);
    CHECK(examined->front().diagnosis.healthy());
    node.keeper.guard(ipv4, Keeper::Guarding::always);
    CHECK(node.run_until(1s).front() == "repair: monitor_silent");  // it had its time
}

TEST_CASE("keeper: a kubelet of which it is not known whether it makes chains is believed when they are seen")
{
    KeeperNode node;
    node.keeper.guard(ipv4, Keeper::Guarding::when_seen);
    node.keeper.hear_units(running_kubelet("one", node.clock.now() - 1h));
    CHECK(node.run_until(10min) == Decisions{"wait: kubelet_initialising"});
    CHECK(node.backend.ruleset().text().empty());
    node.make_chains();
    CHECK(node.run_until(1s) == Decisions{"healthy"});
    node.flush_filter();
    CHECK(node.run_until(1s) == Decisions{"repair: partial_flush"});
}

TEST_CASE("keeper: an examination writes, reports and remembers nothing, and foretells a flush")
{
    HealthyNode node;
    const auto reports = node.sink.reports.size();
    auto examined = node.keeper.examine();
    REQUIRE(examined);
    REQUIRE(examined->size() == 1);
    CHECK(to_string(examined->front().decision) == "healthy");
    CHECK(to_string(examined->front().at_flush) == "repair: assist");
    CHECK(examined->front().plan.empty());
    CHECK(examined->front().monitor == policies::Monitor::alive);
    CHECK(examined->front().source == daemon::KubeletEvidence::Source::journal);

    node.flush_all();
    const auto generation = node.backend.generation();
    examined = node.keeper.examine();
    REQUIRE(examined);
    CHECK(to_string(examined->front().decision) == "wait: settling");
    CHECK(examined->front().plan.empty());  // it waits
    CHECK(node.backend.generation() == generation);
    CHECK(node.sink.reports.size() == reports + 1);  // of the flush, which was heard
}

TEST_CASE("keeper: another policy is taken over with what is known")
{
    HealthyNode node;
    const auto before = node.keeper.evidence();
    auto settings = node.keeper.settings();
    settings.policy.repair.settle = 2s;
    settings.timing.monitor_interval = 10s;
    node.keeper.adopt(settings, "the policy was read again");
    CHECK(node.keeper.evidence() == before);
    (void)node.run_until(1s);
    node.flush_all();
    CHECK(node.run_until(1999ms).empty());
    CHECK(node.run_until(1ms) == Decisions{"repair: assist"});
    CHECK(node.run_until(23s) == Decisions{"repair: monitor_silent"});
}

TEST_CASE("keeper: a fight ends in a standoff that names the other party, and is taken up again")
{
    HealthyNode node;
    Decisions decisions;
    for (int flushes = 0; flushes < 12; ++flushes) {
        node.flush_filter();
        for (const auto& decision : node.run_until(1s))
            decisions.push_back(decision);
    }
    REQUIRE(decisions.size() >= 11);
    CHECK(decisions[9] == "repair: partial_flush");
    CHECK(decisions[10] == "refuse: standoff");
    const auto refused = node.sink.all<daemon::Decided>().back();
    CHECK(refused.standoff_against == "iptables");
    REQUIRE(refused.standoff_until);
    CHECK(*refused.standoff_until > node.clock.wall());
    CHECK(node.run_until(2min) == Decisions{"repair: partial_flush"});
}
