// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/keeper_node.hpp"

#include <algorithm>
#include <doctest/doctest.h>

using namespace chainkeeper;
using namespace chainkeeper::tests;
using namespace std::chrono_literals;
using Decisions = std::vector<std::string>;

namespace {

daemon::Keeper::Settings settings_with(policies::Monitor monitor)
{
    auto settings = KeeperNode::default_settings();
    settings.assumed_monitor = monitor;
    return settings;
}

}  // namespace

TEST_CASE("keeper: a healthy node is looked at once and then left alone")
{
    KeeperNode node;
    node.make_chains();
    CHECK(node.run_until(1min) == Decisions{"healthy"});
    CHECK_FALSE(node.keeper.next_look());
    node.change_something_else();
    CHECK_FALSE(node.keeper.next_look());
}

TEST_CASE("keeper: a node on which kubelet has made nothing yet is given the grace of its start")
{
    KeeperNode node;
    CHECK(node.run_until(29s) == Decisions{"wait: kubelet_initialising"});
    CHECK(node.backend.ruleset().text().empty());

    SUBCASE("kubelet comes")
    {
        node.make_chains();
        CHECK(node.run_until(10min) == Decisions{"healthy"});
    }
    SUBCASE("kubelet does not come: the canaries wait for it, for one that nobody saw has no deadline to miss")
    {
        CHECK(node.run_until(1h) == Decisions{"repair: assist"});
        CHECK(node.has_all_but_canaries());
        CHECK_FALSE(node.has_canaries());
        CHECK_FALSE(node.keeper.next_look());
    }
}

TEST_CASE("keeper: a flush of filter alone is repaired whole, for kubelet never will")
{
    KeeperNode node;
    node.make_chains();
    (void)node.run_until(1s);
    node.flush_filter();
    CHECK(node.run_until(1s) == Decisions{"repair: partial_flush"});
    CHECK(node.has_all_but_canaries());
    CHECK(node.has_canaries());
    REQUIRE(node.sink.all<daemon::Verified>().size() == 1);
    CHECK(node.sink.all<daemon::Verified>()[0].fulfilled);
    CHECK_FALSE(node.keeper.next_look());
}

TEST_CASE("keeper: after a full flush the canaries are left to kubelet until its deadline")
{
    KeeperNode node;
    node.make_chains();
    (void)node.run_until(1s);
    node.flush_all();
    CHECK(node.run_until(70s) == Decisions{"repair: assist"});
    CHECK(node.has_all_but_canaries());
    CHECK_FALSE(node.has_canaries());

    SUBCASE("kubelet puts them back")
    {
        node.put_canaries_back();
        CHECK(node.run_until(10min) == Decisions{"healthy"});
        CHECK(node.keeper.evidence().at(repair::Family::ipv4).monitor == policies::Monitor::alive);
    }
    SUBCASE("kubelet does not; the next flush is another chance for it, or for the next kubelet")
    {
        CHECK(node.run_until(10min) == Decisions{"repair: monitor_silent"});
        CHECK(node.has_canaries());
        node.flush_all();
        CHECK(node.run_until(60s) == Decisions{"repair: assist"});
        CHECK_FALSE(node.has_canaries());
        CHECK(node.run_until(10min) == Decisions{"repair: monitor_silent"});
        CHECK(node.has_canaries());
    }
    SUBCASE("kubelet does, and loses them again in the same burst: its time starts anew")
    {
        node.put_canaries_back();
        node.flush_all();
        CHECK(node.run_until(74s).front() == "repair: assist");
        CHECK_FALSE(node.has_canaries());
        CHECK(node.run_until(2s) == Decisions{"repair: monitor_silent"});
    }
}

TEST_CASE("keeper: with a dead Monitor everything comes back in one transaction")
{
    KeeperNode node{settings_with(policies::Monitor::dead)};
    node.make_chains();
    (void)node.run_until(1s);
    node.flush_all();
    const auto before = node.backend.generation();
    CHECK(node.run_until(1s) == Decisions{"repair: no_monitor"});
    CHECK(node.backend.generation() == before + 1);
    CHECK(node.has_canaries());
}

TEST_CASE("keeper: waits until the ruleset rests, and no longer than settle_deadline")
{
    KeeperNode node{settings_with(policies::Monitor::dead)};
    node.make_chains();
    (void)node.run_until(1s);
    node.flush_all();
    for (int changes = 0; changes < 4; ++changes) {
        CHECK(node.run_until(400ms).empty());
        node.change_something_else();
    }
    CHECK(node.run_until(499ms).empty());
    CHECK(node.run_until(1ms) == Decisions{"repair: no_monitor"});

    node.flush_all();
    for (int changes = 0; changes < 24; ++changes) {
        CHECK(node.run_until(400ms).empty());
        node.change_something_else();
    }
    CHECK(node.run_until(400ms) == Decisions{"repair: no_monitor"});
}

TEST_CASE("keeper: one flush record for a burst, with its writers")
{
    KeeperNode node{settings_with(policies::Monitor::dead)};
    node.make_chains();
    (void)node.run_until(1s);
    node.flush_filter();
    node.flush_all();
    (void)node.run_until(1s);
    const auto settled = node.sink.all<daemon::Settled>();
    REQUIRE(settled.size() == 1);
    const auto& burst = settled[0].burst;
    CHECK(burst.generation_count == 2);
    CHECK(burst.losses == daemon::Losses{.tables = 3, .chains = 5, .rules = 1});
    REQUIRE(burst.worst);
    CHECK(burst.worst->culprit.comm == "nft");
    CHECK(burst.worst->culprit.pid == 4711);
    CHECK(node.sink.all<daemon::Heard>().size() == 2);  // of kubelet's chains, and of the flush
}

TEST_CASE("keeper: a stale commit reads, diagnoses and decides again")
{
    KeeperNode node{settings_with(policies::Monitor::dead)};
    node.make_chains();
    (void)node.run_until(1s);
    node.flush_all();
    node.backend.before_commit([&] {
        node.backend.edit([](FakeRuleset& ruleset) { ruleset.create_table(repair::Family::ipv4, repair::Table::nat); });
    });
    CHECK(node.run_until(1s) == Decisions{"repair: no_monitor", "repair: no_monitor"});
    const auto committed = node.sink.all<daemon::Committed>();
    REQUIRE(committed.size() == 1);
    CHECK(committed[0].stale_commits == 1);
    CHECK(node.has_canaries());
}

TEST_CASE("keeper: gives up for now when every commit is stale, and comes back")
{
    KeeperNode node{settings_with(policies::Monitor::dead)};
    node.make_chains();
    (void)node.run_until(1s);
    node.backend.fail_commit(repair::Outcome{.kind = repair::Outcome::Kind::stale, .detail = "moved on"});
    node.clock.tick_on_reading(250us);
    node.flush_all();
    node.clock.advance(500ms);
    (void)node.look_now();
    CHECK(node.sink.all<daemon::Trouble>().size() == 1);
    const auto tries = std::ranges::count(node.backend.log(), "commit ipv4: stale");
    CHECK(tries > 10);
    CHECK(tries < 400);  // no more than fit into 100 ms
    node.backend.fail_commit(std::nullopt);
    (void)node.run_until(1s);
    CHECK(node.has_canaries());
}

TEST_CASE("keeper: what is denied is not tried again until something happens")
{
    KeeperNode node{settings_with(policies::Monitor::dead)};
    node.make_chains();
    (void)node.run_until(1s);
    node.backend.fail_commit(repair::Outcome{.kind = repair::Outcome::Kind::denied, .detail = "an LSM said no"});
    node.flush_all();
    (void)node.run_until(10min);
    CHECK(std::ranges::count(node.backend.log(), "commit ipv4: denied") == 1);
    CHECK(node.sink.all<daemon::Committed>()[0].outcome.kind == repair::Outcome::Kind::denied);
}

TEST_CASE("keeper: what failed is tried again")
{
    KeeperNode node{settings_with(policies::Monitor::dead)};
    node.make_chains();
    (void)node.run_until(1s);
    node.backend.fail_commit(repair::Outcome{.kind = repair::Outcome::Kind::failed, .detail = "no memory"});
    node.flush_all();
    (void)node.run_until(1s);
    CHECK_FALSE(node.has_canaries());
    node.backend.fail_commit(std::nullopt);
    (void)node.run_until(10s);
    CHECK(node.has_canaries());
}

TEST_CASE("keeper: a failing look is reported and taken again")
{
    KeeperNode node{settings_with(policies::Monitor::dead)};
    node.backend.fail_observe(repair::Error{repair::ErrorCode::failed, "no answer"});
    (void)node.run_until(5s);
    REQUIRE(node.sink.all<daemon::Trouble>().size() == 1);
    CHECK(node.sink.all<daemon::Trouble>()[0].what == "no answer");
    node.backend.fail_observe(std::nullopt);
    CHECK(node.run_until(10s) == Decisions{"repair: no_monitor"});
}

TEST_CASE("keeper: a lost event and a generation left out both mean that the ruleset is read again")
{
    KeeperNode node{settings_with(policies::Monitor::dead)};
    node.make_chains();
    (void)node.run_until(1s);
    node.backend.edit([](FakeRuleset& ruleset) { ruleset.flush(repair::Family::ipv4); });

    SUBCASE("told of the loss")
    {
        node.keeper.hear_gap("events were lost");
    }
    SUBCASE("a number left out")
    {
        node.backend.edit([](FakeRuleset& ruleset) { ruleset.create_table(repair::Family::ipv6, repair::Table::nat); });
        node.keeper.hear(repair::nft::Generation{.id = node.backend.generation(), .pid = 1, .comm = "x"});
    }
    CHECK(node.run_until(1s) == Decisions{"repair: no_monitor"});
    CHECK(node.has_canaries());
    CHECK(node.sink.all<daemon::Settled>()[0].burst.gaps.size() == 1);
}

TEST_CASE("keeper: its own transactions are no news")
{
    KeeperNode node{settings_with(policies::Monitor::dead)};
    node.make_chains();
    (void)node.run_until(1s);
    node.flush_all();
    (void)node.run_until(1s);
    node.keeper.hear(repair::nft::Change{.kind = repair::nft::Change::Kind::chain_added,
                                         .family = repair::Family::ipv4,
                                         .table = "mangle",
                                         .chain = repair::kubelet_canary});
    node.keeper.hear(repair::nft::Generation{.id = node.backend.generation(), .pid = 1, .comm = "chainkeeperd"});
    CHECK_FALSE(node.keeper.next_look());
}

TEST_CASE("keeper: its own canary is no sign of kubelet, though a transaction before it was not heard")
{
    KeeperNode node;
    node.make_chains();
    (void)node.run_until(1s);
    node.flush_all();
    (void)node.run_until(76s);  // assist, and the canaries at the deadline
    REQUIRE(node.has_canaries());
    node.keeper.hear(repair::nft::Change{.kind = repair::nft::Change::Kind::chain_added,
                                         .family = repair::Family::ipv4,
                                         .table = "mangle",
                                         .chain = repair::kubelet_canary});
    node.keeper.hear(repair::nft::Generation{.id = node.backend.generation(), .pid = 1, .comm = "chainkeeperd"});
    CHECK(node.keeper.evidence().at(repair::Family::ipv4).source == daemon::KubeletEvidence::Source::deadline);
}

TEST_CASE("keeper: its own transactions are its own where each table has one, and the canary says nothing of kubelet")
{
    KeeperNode node;
    node.backend.write_table_by_table();
    node.make_chains();
    (void)node.run_until(1s);
    node.flush_all();
    const auto flushed = node.backend.generation();
    (void)node.run_until(76s);  // assist, and the canaries at the deadline
    REQUIRE(node.has_canaries());
    const auto last = node.backend.generation();
    REQUIRE(last - flushed == 2 + 3);
    for (auto id = flushed + 1; id <= last; ++id) {
        for (const auto* const table : {"nat", "filter", "mangle"})
            node.keeper.hear(repair::nft::Change{.kind = repair::nft::Change::Kind::chain_added,
                                                 .family = repair::Family::ipv4,
                                                 .table = table,
                                                 .chain = repair::kubelet_canary});
        node.keeper.hear(repair::nft::Generation{.id = id, .pid = 4711, .comm = "iptables-nft-re"});
    }
    CHECK_FALSE(node.keeper.next_look());
    CHECK(node.keeper.evidence().at(repair::Family::ipv4).source == daemon::KubeletEvidence::Source::deadline);
}

TEST_CASE("keeper: what a commit wrote before it broke off is its own too")
{
    KeeperNode node;
    node.make_chains();
    (void)node.run_until(1s);
    node.flush_all();
    const auto generation = node.backend.generation() + 1;
    node.backend.fail_commit(
        repair::Outcome{.kind = repair::Outcome::Kind::failed,
                        .detail = "the second table failed",
                        .transactions = {{.first = generation, .last = generation, .table = repair::Table::filter}}});
    CHECK(node.run_until(1s) == Decisions{"repair: assist"});
    node.backend.edit([](FakeRuleset& ruleset) {
        ruleset.create_table(repair::Family::ipv4, repair::Table::filter);
        ruleset.create_chain(repair::Family::ipv4, repair::Table::filter, "KUBE-FIREWALL");
    });
    node.keeper.hear(repair::nft::Change{.kind = repair::nft::Change::Kind::chain_added,
                                         .family = repair::Family::ipv4,
                                         .table = "filter",
                                         .chain = "KUBE-FIREWALL"});
    node.keeper.hear(repair::nft::Generation{.id = generation, .pid = 4711, .comm = "iptables-nft-re"});
    const auto ours = node.keeper.evidence().at(repair::Family::ipv4).ours;
    CHECK(ours.contains({repair::Table::filter, "KUBE-FIREWALL"}));
    CHECK_FALSE(ours.contains({repair::Table::mangle, "KUBE-IPTABLES-HINT"}));
    CHECK(node.sink.all<daemon::Heard>().size() == 2);  // kubelet's, and the flush
}

TEST_CASE("keeper: a dry run writes nothing, paces itself alike, and says it again after each flush")
{
    auto settings = settings_with(policies::Monitor::dead);
    settings.dry_run = true;
    KeeperNode node{settings};
    node.make_chains();
    (void)node.run_until(1s);
    node.flush_all();
    const auto generation = node.backend.generation();
    CHECK(node.run_until(499ms).empty());
    CHECK(node.run_until(1ms) == Decisions{"would_repair: no_monitor"});
    CHECK(node.backend.generation() == generation);
    REQUIRE(node.sink.all<daemon::Committed>().size() == 1);
    CHECK_FALSE(node.sink.all<daemon::Committed>()[0].plan.empty());
    CHECK(node.sink.all<daemon::Committed>()[0].outcome.kind == repair::Outcome::Kind::recorded);
    CHECK(node.sink.all<daemon::Verified>().empty());
    node.flush_all();
    CHECK(node.run_until(1s) == Decisions{"would_repair: no_monitor"});
}

TEST_CASE("keeper: nothing is written while the backend is in doubt")
{
    auto settings = settings_with(policies::Monitor::dead);
    settings.backend = {.iptables_says = daemon::KnownBackend::legacy};
    KeeperNode node{settings};
    CHECK(node.run_until(10min) == Decisions{"refuse: backend_ambiguous"});
    CHECK(node.backend.ruleset().text().empty());
    CHECK(node.sink.all<daemon::Decided>()[0].backend == "iptables -V says legacy");
}

TEST_CASE("keeper: a flush that takes nothing of kubelet's is not worth a warning")
{
    KeeperNode node;
    node.make_chains();
    (void)node.run_until(1s);
    node.keeper.hear(repair::nft::Change{.kind = repair::nft::Change::Kind::rule_deleted,
                                         .family = repair::Family::ipv4,
                                         .table = "filter",
                                         .chain = "INPUT"});
    node.backend.edit([](FakeRuleset& ruleset) { ruleset.create_table(repair::Family::ipv6, repair::Table::nat); });
    node.keeper.hear(repair::nft::Generation{.id = node.backend.generation(), .pid = 1, .comm = "iptables"});
    CHECK(node.run_until(1s).empty());
    CHECK(node.sink.all<daemon::Settled>().empty());
}

TEST_CASE("keeper: a chain damaged a thousand times is rewritten in parts, and what is missing comes first")
{
    auto settings = settings_with(policies::Monitor::alive);
    settings.policy.repair.on_damage = policies::OnDamage::rewrite;
    KeeperNode node{settings};
    node.make_chains();
    node.backend.edit([](FakeRuleset& ruleset) {
        for (int drops = 0; drops < 1000; ++drops)
            ruleset.add_rule(
                repair::Family::ipv4, repair::Table::filter, "KUBE-FIREWALL",
                repair::Rule{.source = {}, .destination = {}, .matches = {}, .target = repair::Verdict::drop});
        ruleset.delete_chain(repair::Family::ipv4, repair::Table::mangle, "KUBE-IPTABLES-HINT");
    });
    node.keeper.hear_gap("not told");
    (void)node.run_until(500ms);
    CHECK(node.backend.ruleset().find(repair::Family::ipv4, repair::Table::mangle, "KUBE-IPTABLES-HINT") != nullptr);
    (void)node.run_until(2s);
    CHECK(node.has_all_but_canaries());
    CHECK(node.sink.all<daemon::Committed>().size() == 2);
}

TEST_CASE("keeper: what it knows of kubelet survives a restart")
{
    KeeperNode before;
    before.make_chains();
    (void)before.run_until(1s);
    before.flush_all();
    (void)before.run_until(10min);
    CHECK(before.keeper.evidence().at(repair::Family::ipv4).source == daemon::KubeletEvidence::Source::deadline);

    KeeperNode after;
    after.keeper.restore_evidence(before.keeper.evidence());
    CHECK(after.keeper.evidence() == before.keeper.evidence());
    CHECK(after.run_until(1s) ==
          Decisions{"repair: assist"});  // nothing is there: no grace for a kubelet that was seen
}
