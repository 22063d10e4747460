// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/batch.hpp"
#include "repair/nft/event.hpp"
#include "repair/nft/message.hpp"
#include "repair/nft/socket.hpp"
#include "tests/contract/world.hpp"
#include "tests/support/command.hpp"
#include "tests/support/kubelet.hpp"
#include "tests/support/ruleset.hpp"

#include <algorithm>
#include <cerrno>
#include <doctest/doctest.h>
#include <linux/netlink.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

// What repair/ takes for granted of nf_tables.
namespace chainkeeper::tests {

using namespace repair;

namespace {

struct Commit {
    std::uint32_t id;
    std::uint32_t pid;
    std::string comm;
};

// What a listener heard: how many changes before each commit.
struct Heard {
    std::vector<Commit> commits;
    std::vector<std::size_t> changes{0};
    unsigned malformed = 0;
};

nft::Socket opened(Result<nft::Socket> socket)
{
    if (!socket)
        throw std::runtime_error{socket.error().what};
    return *std::move(socket);
}

// All that is waiting: a commit has told its listeners before it returns to its writer.
Heard hear(nft::Socket& listener)
{
    Heard heard;
    for (;;) {
        const auto datagram = listener.receive();
        REQUIRE(datagram);
        if (datagram->empty())
            return heard;
        heard.malformed += nft::read_events(*datagram, [&](const nft::Event& event) {
            if (const auto* const commit = std::get_if<nft::Generation>(&event)) {
                heard.commits.push_back({commit->id, commit->pid, std::string{commit->comm}});
                heard.changes.push_back(0);
            } else {
                ++heard.changes.back();
            }
        });
    }
}

Plan whole_plan(Backend& backend, Family family = Family::ipv4)
{
    const auto desired = guarded_in_1_24(family);
    return make_plan(desired, examine(backend, desired), {.canaries = true, .rewrite_damage = false});
}

// Sends a plan as it is, and gives the first thing that the kernel says.
nft::Acknowledgement answer_to(nft::Socket& socket, const Plan& plan, std::string& explanation)
{
    const auto batch = nft::make_batch(plan, socket.reserve_sequences(plan.steps.size() + 2));
    REQUIRE(batch);
    REQUIRE(socket.send(batch->messages));
    auto datagram = socket.receive();
    REQUIRE(datagram);
    const auto message = nft::take_message(*datagram);
    REQUIRE(message);
    const auto answer = nft::acknowledgement(*message);
    REQUIRE(answer);
    explanation = answer->explanation;
    return *answer;
}

}  // namespace

TEST_CASE("a batch that names another generation is refused with ERESTART, and nothing of it is written")
{
    KernelWorld world;
    auto socket = opened(nft::Socket::open());
    std::string explanation;
    auto plan = whole_plan(world.backend());
    for (const auto off : {1U, 1000U, 0x80000000U}) {
        auto wrong = plan;
        wrong.generation += off;
        CHECK(answer_to(socket, wrong, explanation).error_number == ERESTART);
        CHECK(world.everything().empty());
        CHECK(world.generation() == plan.generation);
    }
    CHECK(answer_to(socket, plan, explanation).error_number == 0);
    CHECK(world.generation() == plan.generation + 1);
}

TEST_CASE("a batch that names generation 0 is committed whatever the generation is")
{
    KernelWorld world;
    auto socket = opened(nft::Socket::open());
    std::string explanation;
    auto plan = whole_plan(world.backend());
    plan.generation = 0;
    CHECK(answer_to(socket, plan, explanation).error_number == 0);
    CHECK_FALSE(world.everything().empty());
}

TEST_CASE("three tables, their chains and rules are one generation, told after all its changes")
{
    KernelWorld world;
    auto listener = opened(nft::Socket::open_listener());
    const auto plan = whole_plan(world.backend());
    const auto outcome = world.backend().commit(plan);
    REQUIRE(outcome.kind == Outcome::Kind::committed);
    const auto heard = hear(listener);
    REQUIRE(heard.commits.size() == 1);
    CHECK(heard.commits.front().id == outcome.generation);
    CHECK(heard.changes == std::vector<std::size_t>{plan.steps.size(), 0});
    CHECK(heard.malformed == 0);
}

TEST_CASE("iptables-restore makes one generation for each table")
{
    KernelWorld world;
    auto listener = opened(nft::Socket::open_listener());
    restore(Family::ipv4, kubelet_restore_text(24, Family::ipv4));
    CHECK(hear(listener).commits.size() == 3);
}

TEST_CASE("iptables-restore stops at the first table that it cannot write, and what it has written till then stays")
{
    for (const auto* const program : {"iptables-nft", "iptables-legacy"}) {
        CAPTURE(program);
        const NetworkNamespace network_namespace;
        const std::string iptables{program};
        must_run({iptables, "-N", "IS-THERE"});
        const auto restored = run({iptables + "-restore", "--noflush"}, "*nat\n-N ONE\nCOMMIT\n"
                                                                        "*filter\n-N TWO\n-N IS-THERE\nCOMMIT\n"
                                                                        "*mangle\n-N THREE\nCOMMIT\n");
        CHECK(restored.status == 1);
        const auto has = [&](const char* table, const char* chain) {
            return run({iptables, "-t", table, "-S", chain}).status == 0;
        };
        CHECK(has("nat", "ONE"));
        CHECK_FALSE(has("filter", "TWO"));
        CHECK_FALSE(has("mangle", "THREE"));
    }
}

TEST_CASE("a generation names its writer: the pid, and fifteen characters of the comm")
{
    const NetworkNamespace network_namespace;
    auto listener = opened(nft::Socket::open_listener());
    const auto restored = run({iptables(Family::ipv4, "-restore"), "--noflush"}, "*mangle\n-N CHAIN\nCOMMIT\n");
    REQUIRE(restored.status == 0);
    const auto flushed = run({"nft", "flush", "ruleset"});
    REQUIRE(flushed.status == 0);
    const auto heard = hear(listener);
    REQUIRE(heard.commits.size() == 2);
    CHECK(heard.commits[0].comm == "iptables-nft-re");
    CHECK(heard.commits[1].comm == "nft");
    CHECK(heard.commits[1].id == heard.commits[0].id + 1);
    CHECK(heard.commits[0].pid != heard.commits[1].pid);
    const bool are_ours = heard.commits[0].pid == static_cast<std::uint32_t>(restored.pid) &&
                          heard.commits[1].pid == static_cast<std::uint32_t>(flushed.pid);
    CHECK((are_ours || !counts_pids_as_the_kernel_does()));
}

TEST_CASE("a look makes no generation, and tells nobody")
{
    KernelWorld world;
    repair_all(world.backend(), guarded_in_1_24(Family::ipv4));
    auto listener = opened(nft::Socket::open_listener());
    const auto generation = world.generation();
    CHECK(examine(world.backend(), guarded_in_1_24(Family::ipv4)).healthy());
    CHECK_FALSE(examine(world.backend(), guarded_in_1_24(Family::ipv6)).healthy());
    CHECK(world.generation() == generation);
    CHECK(hear(listener).commits.empty());
}

TEST_CASE("events that do not fit are heard as an overflow, and the listener goes on after it")
{
    KernelWorld world;
    auto listener = opened(nft::Socket::open_listener());
    const int smallest = 1;
    REQUIRE(setsockopt(listener.descriptor(), SOL_SOCKET, SO_RCVBUF, &smallest, sizeof smallest) == 0);
    REQUIRE(world.backend().commit(whole_plan(world.backend())).kind == Outcome::Kind::committed);
    REQUIRE(world.backend().commit(whole_plan(world.backend(), Family::ipv6)).kind == Outcome::Kind::committed);
    ErrorCode code{};
    for (bool waiting = true; waiting;) {
        const auto datagram = listener.receive();
        waiting = datagram && !datagram->empty();
        if (!datagram)
            code = datagram.error().code;
    }
    CHECK(code == ErrorCode::overflow);

    const auto rest = hear(listener);
    world.add_chain(Family::ipv4, Table::mangle, "ONE-MORE");
    CHECK(hear(listener).commits.size() == 1);
    CHECK(rest.commits.size() < 2);
}

TEST_CASE("the listener's own buffer holds a transaction of 2,000 rules")
{
    const NetworkNamespace network_namespace;
    auto listener = opened(nft::Socket::open_listener());
    std::string text = "*filter\n-N MANY\n";
    for (int rule = 0; rule < 2000; ++rule)
        text += "-A MANY -j RETURN\n";
    restore(Family::ipv4, text + "COMMIT\n");
    const auto heard = hear(listener);
    REQUIRE(heard.commits.size() == 1);
    CHECK(heard.changes.front() >= 2001);
}

TEST_CASE("a refusal says which attribute it was")
{
    KernelWorld world;
    auto socket = opened(nft::Socket::open());
    world.add_chain(Family::ipv4, Table::mangle, "KUBE-IPTABLES-HINT");
    const Plan plan{.family = Family::ipv4,
                    .generation = world.generation(),
                    .steps = {CreateChain{Table::mangle, "KUBE-IPTABLES-HINT"}}};
    std::string explanation;
    const auto answer = answer_to(socket, plan, explanation);
    CHECK(answer.error_number == EEXIST);
    CHECK(answer.bad_offset.has_value());

    const auto outcome = world.backend().commit(plan);
    CHECK(outcome.kind == Outcome::Kind::failed);
    CHECK(outcome.detail.starts_with("the kernel refused to create chain mangle KUBE-IPTABLES-HINT: File exists"));
    CHECK(outcome.detail.find("(it refuses the attribute at byte ") != std::string::npos);
}

TEST_CASE("a match of xtables that the kernel refuses is explained in the kernel's own words")
{
    KernelWorld world;
    world.add_chain(Family::ipv4, Table::filter, "KUBE-FIREWALL");
    const Rule masquerade{.source = {}, .destination = {}, .matches = {}, .target = Masquerade{.random_fully = true}};
    const auto outcome =
        world.backend().commit({.family = Family::ipv4,
                                .generation = world.generation(),
                                .steps = {AddRule{Table::filter, "KUBE-FIREWALL", masquerade, std::nullopt}}});
    CHECK(outcome.kind == Outcome::Kind::failed);
    CHECK(outcome.detail.starts_with("the kernel refused to add to filter KUBE-FIREWALL: -j MASQUERADE"));
}

TEST_CASE("an empty chain that nobody jumps to has a use of zero, and so needs no dump")
{
    KernelWorld world;
    const auto desired = guarded_in_1_24(Family::ipv4);
    repair_all(world.backend(), desired);
    world.flush_chain(Family::ipv4, Table::nat, "KUBE-MARK-MASQ");
    const auto snapshot = look(world.backend(), desired);
    CHECK(snapshot.find(Table::nat, "KUBE-MARK-MASQ")->rules.empty());
    CHECK(snapshot.find(Table::filter, "KUBE-FIREWALL")->rules.size() == 2);
    CHECK(snapshot.chains.size() == desired.chains.size() + desired.jumps.size());
}

}  // namespace chainkeeper::tests
