// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/profile.hpp"
#include "repair/nft/event.hpp"
#include "repair/nft/socket.hpp"
#include "repair/restore/transport.hpp"
#include "tests/contract/world.hpp"
#include "tests/support/environment.hpp"
#include "tests/support/kubelet.hpp"
#include "tests/support/ruleset.hpp"

#include <algorithm>
#include <chrono>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <map>
#include <string>
#include <vector>

// The node's own iptables-nft-restore writes what we would write, and what goes wrong with it is told.
namespace chainkeeper::tests {

using namespace repair;
using namespace std::chrono_literals;

namespace {

const std::string firewall = "KUBE-FIREWALL";

// A kernel that is written to with iptables-nft-restore.
class RestoreWorld : public KernelWorld {
public:
    explicit RestoreWorld(std::chrono::nanoseconds deadline = 30s)
        : transport_{KernelWorld::backend(), {.variant = IptablesVariant::nft, .deadline = deadline}}
    {
    }
    RestoreTransport& transport() { return transport_; }

private:
    RestoreTransport transport_;
};

// A program in place of iptables-nft-restore. "$@" are its arguments; the real one is $REAL.
ProgramInFront in_place_of_restore(const std::string& script)
{
    return {"iptables-nft-restore", "REAL=/usr/sbin/iptables-nft-restore\n" + script};
}

const DesiredState& v4()
{
    static const auto desired = guarded_in_1_24(Family::ipv4);
    return desired;
}

std::vector<Table> tables_of(const Outcome& outcome)
{
    std::vector<Table> tables;
    for (const auto& own : outcome.transactions) {
        REQUIRE(own.table);
        tables.push_back(*own.table);
    }
    return tables;
}

// Each transaction has one number, and the next has the next.
void check_numbers(const Outcome& outcome, std::uint32_t before)
{
    for (const auto& own : outcome.transactions)
        CHECK(own == OwnTransaction{.first = ++before, .last = before, .pid = 0, .table = own.table});
    CHECK(outcome.generation == before);
}

std::string saved_after_direct_commit(const DesiredState& desired)
{
    KernelWorld world;
    repair_all(world.backend(), desired);
    return saved(desired.family);
}

// The pids by which the kernel names the writers of the generations.
std::map<std::uint32_t, std::uint32_t> writers(nft::Socket& listener)
{
    std::map<std::uint32_t, std::uint32_t> pids;
    for (;;) {
        const auto datagram = listener.receive();
        REQUIRE(datagram);
        if (datagram->empty())
            return pids;
        nft::read_events(*datagram, [&](const nft::Event& event) {
            if (const auto* const generation = std::get_if<nft::Generation>(&event))
                pids.emplace(generation->id, generation->pid);
        });
    }
}

std::size_t jumps_in(const std::string& base_chain)
{
    const auto text = saved(Family::ipv4);
    const auto line = fmt::format("-A {} -j KUBE-FIREWALL\n", base_chain);
    std::size_t count = 0;
    for (auto at = text.find(line); at != std::string::npos; at = text.find(line, at + 1))
        ++count;
    return count;
}

}  // namespace

TEST_CASE("restore: a whole repair is what a commit of ours is, a transaction a table, mangle's the last")
{
    for (const auto& profile : policies::profiles())
        for (const auto family : all_families) {
            CAPTURE(profile.since.minor);
            CAPTURE(to_string(family));
            const auto& desired = profile.of(family);
            const auto by_us = saved_after_direct_commit(desired);
            RestoreWorld world;
            const auto before = world.generation();
            const auto outcome = repair_all(world.transport(), desired).outcome;
            CAPTURE(outcome.detail);
            CHECK(outcome.kind == Outcome::Kind::committed);
            CHECK(outcome.detail.empty());
            CHECK(tables_of(outcome) == std::vector{Table::nat, Table::filter, Table::mangle});
            check_numbers(outcome, before);
            CHECK(outcome.generation == world.generation());
            CHECK(examine(world.transport(), desired).healthy());
            CHECK(saved(family) == by_us);
            CHECK(repair_all(world.transport(), desired).plan.empty());
            CHECK(world.generation() == outcome.generation);
        }
}

TEST_CASE("restore: a guarded chain that is there keeps its foreign rules, and a jump that is there stays one")
{
    RestoreWorld world;
    repair_all(world.transport(), v4());
    world.append_rule(
        Family::ipv4, Table::filter, firewall,
        {.source = {}, .destination = {}, .matches = {CommentMatch{.text = "foreign"}}, .target = Verdict::accept});
    const auto whole = saved(Family::ipv4);
    restore(Family::ipv4, "*filter\n-D KUBE-FIREWALL 1\n-D INPUT -j KUBE-FIREWALL\nCOMMIT\n");
    const auto before = world.generation();
    const auto outcome = repair_all(world.transport(), v4()).outcome;
    CHECK(outcome.kind == Outcome::Kind::committed);
    CHECK(tables_of(outcome) == std::vector{Table::filter});
    check_numbers(outcome, before);
    CHECK(saved(Family::ipv4) == whole);
    CHECK(jumps_in("INPUT") == 1);
    CHECK(jumps_in("OUTPUT") == 1);
}

TEST_CASE("restore: a nudge deletes the canary alone")
{
    RestoreWorld world;
    repair_all(world.transport(), v4());
    const auto outcome = world.transport().commit(make_plan(v4(), examine(world.transport(), v4()), {.nudge = true}));
    CHECK(outcome.kind == Outcome::Kind::committed);
    CHECK(tables_of(outcome) == std::vector{Table::mangle});
    CHECK_FALSE(has_chain(Family::ipv4, Table::mangle, kubelet_canary));
}

TEST_CASE("restore: an empty plan starts no program")
{
    const auto program = in_place_of_restore("exit 1\n");
    RestoreWorld world;
    const auto outcome = world.transport().commit({.family = Family::ipv4, .generation = 7, .steps = {}});
    CHECK(outcome.kind == Outcome::Kind::committed);
    CHECK(outcome.generation == 7);
    CHECK(outcome.transactions.empty());
}

TEST_CASE("restore: a plan whose generation has passed is stale, and writes nothing")
{
    RestoreWorld world;
    const auto plan = make_plan(v4(), examine(world.transport(), v4()), {.canaries = true});
    world.add_chain(Family::ipv6, Table::nat, "SOMEBODY-ELSES");
    const auto before = world.everything();
    const auto outcome = world.transport().commit(plan);
    CHECK(outcome.kind == Outcome::Kind::stale);
    CHECK(outcome.detail == fmt::format("the ruleset has moved on from generation {}", plan.generation));
    CHECK(outcome.transactions.empty());
    CHECK(world.everything() == before);
    CHECK(repair_all(world.transport(), v4()).outcome.kind == Outcome::Kind::committed);
}

TEST_CASE("restore: a plan of a family that was never looked at is stale")
{
    RestoreWorld world;
    const auto plan = make_plan(v4(), examine(world.backend(), v4()), {.canaries = true});
    CHECK(world.transport().commit(plan).kind == Outcome::Kind::stale);
    CHECK(world.everything().empty());
}

TEST_CASE("restore: without CAP_NET_ADMIN the program is denied")
{
    const auto program =
        in_place_of_restore("exec setpriv --bounding-set=-net_admin --inh-caps=-net_admin $REAL \"$@\"\n");
    RestoreWorld world;
    const auto outcome = repair_all(world.transport(), v4()).outcome;
    CAPTURE(outcome.detail);
    CHECK(outcome.kind == Outcome::Kind::denied);
    CHECK(outcome.detail.find("Permission denied") != std::string::npos);
    CHECK(outcome.transactions.empty());
    CHECK(world.everything().empty());
}

TEST_CASE("restore: a program that hangs is killed at the deadline")
{
    const auto program = in_place_of_restore("exec sleep 60\n");
    RestoreWorld world{300ms};
    const auto before = std::chrono::steady_clock::now();
    const auto outcome = repair_all(world.transport(), v4()).outcome;
    CHECK(std::chrono::steady_clock::now() - before < 30s);
    CHECK(outcome.kind == Outcome::Kind::failed);
    CHECK(outcome.detail == "iptables-nft-restore did not end in time and was killed");
    CHECK(outcome.transactions.empty());
    CHECK(world.everything().empty());
}

TEST_CASE("restore: what a program wrote before it was killed is ours, by its pid")
{
    const auto program = in_place_of_restore("$REAL \"$@\"\nexec sleep 60\n");
    RestoreWorld world{2s};
    const auto before = world.generation();
    const auto outcome = repair_all(world.transport(), v4()).outcome;
    CHECK(outcome.kind == Outcome::Kind::failed);
    REQUIRE(outcome.transactions.size() == 1);
    CHECK(outcome.transactions.front().first == before + 1);
    CHECK(outcome.transactions.front().last == before + 1);
    CHECK(outcome.transactions.front().pid != 0);
    CHECK(outcome.transactions.front().table == Table::nat);
}

TEST_CASE("restore: after a table that fails none is written, mangle least of all")
{
    const auto program = in_place_of_restore("input=$(cat)\n"
                                             "case $input in *'*filter'*) echo 'no filter today' >&2; exit 4;; esac\n"
                                             "printf '%s\\n' \"$input\" | $REAL \"$@\"\n");
    RestoreWorld world;
    const auto before = world.generation();
    const auto outcome = repair_all(world.transport(), v4()).outcome;
    CHECK(outcome.kind == Outcome::Kind::failed);
    CHECK(outcome.detail == "iptables-nft-restore ended with 4: no filter today; written before that: nat");
    CHECK(outcome.transactions ==
          std::vector{OwnTransaction{.first = before + 1, .last = before + 1, .table = Table::nat}});
    CHECK(world.generation() == before + 1);
    CHECK(has_chain(Family::ipv4, Table::nat, kubelet_canary));
    CHECK_FALSE(has_chain(Family::ipv4, Table::mangle, kubelet_canary));
}

TEST_CASE("restore: a program that says that all is well and wrote nothing has failed")
{
    const auto program = in_place_of_restore("exit 0\n");
    RestoreWorld world;
    const auto outcome = repair_all(world.transport(), v4()).outcome;
    CHECK(outcome.kind == Outcome::Kind::failed);
    CHECK(outcome.detail == "iptables-nft-restore ended with 0 and wrote nothing");
    CHECK(outcome.transactions.empty());
}

TEST_CASE("restore: when somebody else writes between the look and the program, nothing more is written after it")
{
    const auto program = in_place_of_restore("iptables-nft -t raw -N SOMEBODY-ELSES\nexec $REAL \"$@\"\n");
    RestoreWorld world;
    auto listener = nft::Socket::open_listener();
    REQUIRE(listener);
    const auto before = world.generation();
    const auto outcome = repair_all(world.transport(), v4()).outcome;
    CHECK(outcome.kind == Outcome::Kind::stale);
    CHECK(outcome.detail.find("; written before that: nat") != std::string::npos);
    REQUIRE(outcome.transactions.size() == 1);
    const auto own = outcome.transactions.front();
    CHECK(own.first == before + 1);
    CHECK(own.last == before + 2);
    CHECK(own.pid != 0);
    CHECK_FALSE(has_chain(Family::ipv4, Table::mangle, kubelet_canary));
    const auto pids = writers(*listener);
    REQUIRE(pids.size() == 2);
    CHECK(pids.at(own.first) != pids.at(own.last));
    if (counts_pids_as_the_kernel_does()) {
        CHECK(pids.at(own.first) != own.pid);
        CHECK(pids.at(own.last) == own.pid);
    }
}

TEST_CASE("restore: a jump that somebody else inserts in that moment is there twice, and reported")
{
    RestoreWorld world;
    repair_all(world.transport(), v4());
    restore(Family::ipv4, "*filter\n-D INPUT -j KUBE-FIREWALL\nCOMMIT\n");
    const auto program = in_place_of_restore("iptables-nft -I INPUT -j KUBE-FIREWALL\nexec $REAL \"$@\"\n");
    CHECK(repair_all(world.transport(), v4()).outcome.kind == Outcome::Kind::committed);
    CHECK(jumps_in("INPUT") == 2);
    const auto after = examine(world.transport(), v4());
    CHECK_FALSE(after.anything_missing());
    CHECK(std::ranges::any_of(after.findings,
                              [](const Finding& finding) { return finding.kind == FindingKind::duplicate_jump; }));
}

TEST_CASE("restore: a chain that somebody else makes in that moment is not flushed: the program fails")
{
    RestoreWorld world;
    restore(Family::ipv4, "*nat\n-N KUBE-KUBELET-CANARY\nCOMMIT\n");
    const auto program = in_place_of_restore(
        "iptables-nft -N KUBE-FIREWALL 2>/dev/null && iptables-nft -A KUBE-FIREWALL -j ACCEPT\nexec $REAL \"$@\"\n");
    const auto desired = guarded_since_1_27(Family::ipv4);
    const auto outcome = repair_all(world.transport(), desired).outcome;
    CAPTURE(outcome.detail);
    CHECK(outcome.kind == Outcome::Kind::failed);
    CHECK(outcome.detail.find("Chain already exists") != std::string::npos);
    CHECK(outcome.transactions.empty());
    CHECK(saved(Family::ipv4).find("-A KUBE-FIREWALL -j ACCEPT\n") != std::string::npos);
}

}  // namespace chainkeeper::tests
