// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/diagnose.hpp"
#include "tests/unit/keeper_node.hpp"

#include <doctest/doctest.h>

using namespace std::chrono_literals;

// The keeper between the two backends.
namespace chainkeeper::tests {

using daemon::Keeper;
using daemon::KnownBackend;
using daemon::LegacyWrite;
using repair::Family;
using repair::Table;
using Decisions = std::vector<std::string>;

namespace {

// A node with two places for chains, and nothing in either.
struct TwoBackends {
    explicit TwoBackends(daemon::BackendEvidence evidence)
        : keeper{{.backends = {.nft = &nft, .legacy = &legacy}, .clock = clock, .sink = sink, .proc = "/nonexistent"},
                 settings(std::move(evidence))}
    {
    }

    static Keeper::Settings settings(daemon::BackendEvidence evidence)
    {
        auto settings = KeeperNode::default_settings();
        settings.backend = std::move(evidence);
        settings.assumed_monitor = policies::Monitor::dead;
        return settings;
    }
    // Everything of kubelet's.
    void make_chains(FakeBackend& backend) const
    {
        auto snapshot = backend.observe(desired);
        REQUIRE(snapshot);
        const auto plan = repair::make_plan(desired, repair::diagnose(desired, *snapshot), {.canaries = true});
        REQUIRE(backend.commit(plan).kind == repair::Outcome::Kind::committed);
    }
    static void flush(FakeBackend& backend)
    {
        backend.edit([](FakeRuleset& ruleset) { ruleset.flush(Family::ipv4); });
    }
    static bool is_empty(FakeBackend& backend) { return backend.ruleset().text().empty(); }

    Decisions look()
    {
        sink.reports.clear();
        keeper.look_now();
        Decisions decisions;
        for (const auto& decided : sink.all<daemon::Decided>())
            decisions.push_back(to_string(decided.decision));
        return decisions;
    }

    FakeClock clock;
    FakeBackend nft;
    FakeBackend legacy;
    MemorySink sink;
    repair::DesiredState desired = guarded_since_1_27(Family::ipv4);
    Keeper keeper;
};

constexpr auto is_legacy = KnownBackend::legacy;
constexpr auto is_nft = KnownBackend::nft;

}  // namespace

TEST_CASE("keeper: repairs in the backend that kubelet uses, and leaves the other alone")
{
    for (const auto used : {is_nft, is_legacy}) {
        TwoBackends node{{.remembered = used}};
        CHECK(node.look() == Decisions{"repair: no_monitor"});
        CHECK(TwoBackends::is_empty(node.nft) == (used == is_legacy));
        CHECK(TwoBackends::is_empty(node.legacy) == (used == is_nft));
        CHECK(node.look() == Decisions{"healthy"});
    }
}

TEST_CASE("keeper: kubelet's chains are looked for in both places, and tell which is kubelet's")
{
    TwoBackends node{{}};
    node.make_chains(node.legacy);
    CHECK(node.look() == Decisions{"healthy"});
    CHECK(node.keeper.backend_evidence().backend() == is_legacy);
    CHECK(node.keeper.backend_evidence().remembered == is_legacy);
    TwoBackends::flush(node.legacy);
    CHECK(node.look() == Decisions{"repair: no_monitor"});
    CHECK(TwoBackends::is_empty(node.nft));
}

TEST_CASE("keeper: where nothing tells which backend is kubelet's, nothing is written")
{
    TwoBackends node{{}};
    CHECK(node.look() == Decisions{"refuse: backend_ambiguous"});
    node.keeper.hear_iptables(is_nft);
    CHECK(node.look() == Decisions{"repair: no_monitor"});
}

TEST_CASE("keeper: while it is ambiguous the chains are looked at where they are, and not made where they are not")
{
    TwoBackends node{{.iptables_says = is_nft}};
    node.make_chains(node.legacy);
    CHECK(node.look() == Decisions{"healthy"});
    CHECK_FALSE(node.keeper.backend_evidence().backend());
    TwoBackends::flush(node.legacy);
    CHECK(node.look() == Decisions{"refuse: backend_ambiguous"});
    CHECK(TwoBackends::is_empty(node.nft));
    CHECK(TwoBackends::is_empty(node.legacy));
    // kubelet makes them where its iptables says.
    node.make_chains(node.nft);
    CHECK(node.look() == Decisions{"healthy"});
    CHECK(node.keeper.backend_evidence().backend() == is_nft);
}

TEST_CASE("keeper: another iptables makes it ambiguous until kubelet has made its chains there")
{
    TwoBackends node{{.remembered = is_nft, .iptables_says = is_nft}};
    node.make_chains(node.nft);
    CHECK(node.look() == Decisions{"healthy"});
    node.keeper.hear_iptables(is_legacy);
    TwoBackends::flush(node.nft);
    CHECK(node.look() == Decisions{"refuse: backend_ambiguous"});
    CHECK(TwoBackends::is_empty(node.nft));
    node.make_chains(node.legacy);
    CHECK(node.look() == Decisions{"healthy"});
    CHECK(node.keeper.backend_evidence().backend() == is_legacy);
}

TEST_CASE("keeper: what kubelet left in the backend that it used before is reported, and never deleted")
{
    TwoBackends node{{.remembered = is_nft, .iptables_says = is_nft}};
    node.make_chains(node.nft);
    CHECK(node.look() == Decisions{"healthy"});
    node.keeper.hear_iptables(is_legacy);
    node.make_chains(node.legacy);
    const auto left = node.nft.ruleset().text();
    CHECK(node.look() == Decisions{"report: damaged"});
    const auto decided = node.sink.all<daemon::Decided>();
    REQUIRE(decided.front().diagnosis.findings.size() == 1);
    const auto& finding = decided.front().diagnosis.findings.front();
    CHECK(finding.kind == repair::FindingKind::hint_in_wrong_backend);
    CHECK(describe(Family::ipv4, finding).find("is in table mangle of nf_tables too") != std::string::npos);
    CHECK(node.nft.ruleset().text() == left);
    // With kubelet's own gone, a hint of ours would be the second.
    TwoBackends::flush(node.legacy);
    CHECK(node.look() == Decisions{"refuse: backend_ambiguous"});
    CHECK(TwoBackends::is_empty(node.legacy));
}

TEST_CASE("keeper: a lock that somebody holds is tried again, reported once after its deadline, and waited for")
{
    TwoBackends node{{.policy = policies::BackendChoice::legacy}};
    node.legacy.fail_commit(repair::Outcome{
        .kind = repair::Outcome::Kind::lock_timeout, .detail = "/run/xtables.lock is locked", .lock_holder = 4711});
    CHECK(node.look() == Decisions{"repair: no_monitor"});
    CHECK(node.sink.all<daemon::Committed>().empty());
    std::vector<daemon::Committed> reported;
    for (int tenth = 0; tenth < 120; ++tenth) {
        const auto next = node.keeper.next_look();
        REQUIRE(next);
        node.clock.advance_to(std::max(*next, node.clock.now()));
        node.keeper.look();
    }
    reported = node.sink.all<daemon::Committed>();
    REQUIRE(reported.size() == 1);
    CHECK(reported.front().outcome.kind == repair::Outcome::Kind::lock_timeout);
    CHECK(reported.front().outcome.detail == "/run/xtables.lock is locked by somebody, and has been for 5000 ms");
    node.legacy.fail_commit(std::nullopt);
    node.clock.advance(1s);
    node.keeper.look();
    CHECK_FALSE(TwoBackends::is_empty(node.legacy));
    CHECK(node.sink.all<daemon::Committed>().back().outcome.kind == repair::Outcome::Kind::committed);
}

TEST_CASE("keeper: two locks that were each let go in time are not one that is held too long")
{
    TwoBackends node{{.policy = policies::BackendChoice::legacy}};
    const repair::Outcome locked{
        .kind = repair::Outcome::Kind::lock_timeout, .detail = "/run/xtables.lock is locked", .lock_holder = 4711};
    for (int lock = 0; lock < 2; ++lock) {
        node.legacy.fail_commit(locked);
        CHECK(node.look() == Decisions{"repair: no_monitor"});
        for (int tenth = 0; tenth < 30; ++tenth) {
            node.clock.advance(100ms);
            node.keeper.look();
        }
        CHECK(node.sink.all<daemon::Committed>().empty());
        // Whoever had it put everything back.
        node.legacy.fail_commit(std::nullopt);
        node.make_chains(node.legacy);
        CHECK(node.look() == Decisions{"healthy"});
        TwoBackends::flush(node.legacy);
    }
}

TEST_CASE("keeper: a lock that was taken and changed nothing costs no look before its time")
{
    TwoBackends node{{.policy = policies::BackendChoice::legacy}};
    CHECK(node.look() == Decisions{"repair: no_monitor"});
    CHECK(node.look() == Decisions{"healthy"});
    const auto looked = node.clock.now();
    node.clock.advance(1s);
    node.keeper.hear(LegacyWrite{.at = node.clock.now(), .changed = {}, .culprit = {}});
    CHECK(node.keeper.next_look() == looked + 30s);
    // A change is looked at when it has settled.
    node.keeper.hear(LegacyWrite{.at = node.clock.now(),
                                 .changed = {{{.family = Family::ipv4, .table = Table::filter}, {.entries_lost = 4}}},
                                 .culprit = {.pid = 7, .comm = "iptables"}});
    CHECK(node.keeper.next_look() == node.clock.now() + 500ms);
    TwoBackends::flush(node.legacy);
    node.clock.advance(500ms);
    node.sink.reports.clear();
    node.keeper.look();
    const auto settled = node.sink.all<daemon::Settled>();
    REQUIRE(settled.size() == 1);
    CHECK(settled.front().burst.culprit().comm == "iptables");
    CHECK(to_string(settled.front().burst.losses) == "4 entries");
}

}  // namespace chainkeeper::tests
