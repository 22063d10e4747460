// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/hearing.hpp"

#include "tests/support/kubelet.hpp"
#include "tests/unit/keeper_node.hpp"

#include <doctest/doctest.h>

using namespace chainkeeper;
using namespace chainkeeper::tests;

namespace {

constexpr std::uint32_t our_pid = 42;
constexpr std::uint32_t another_pid = 4711;

class Listener {
public:
    void wrote(const repair::OwnTransaction& own) { hearing_.wrote(own); }

    // A transaction that adds the mangle canary. True: it is taken for somebody else's.
    bool hear_canary(std::uint32_t id, std::uint32_t pid)
    {
        hearing_.hear(repair::nft::Change{.kind = repair::nft::Change::Kind::chain_added,
                                          .family = repair::Family::ipv4,
                                          .table = "mangle",
                                          .chain = repair::kubelet_canary},
                      names_);
        const auto heard = hearing_.hear(repair::nft::Generation{.id = id, .pid = pid, .comm = "iptables-nft-re"});
        return heard && heard->canaries.contains(repair::Family::ipv4);
    }

private:
    FakeClock clock_;
    MemorySink sink_;
    std::vector<repair::DesiredState> desired_{guarded_since_1_27(repair::Family::ipv4)};
    daemon::GuardedNames names_{desired_};
    daemon::Hearing hearing_{clock_, sink_, "/nonexistent"};
};

}  // namespace

TEST_CASE("hearing: a transaction of ours whose number is known is ours, whatever pid the kernel names")
{
    Listener listener;
    listener.wrote({.first = 5, .last = 5});
    CHECK(listener.hear_canary(4, another_pid));
    CHECK_FALSE(listener.hear_canary(5, another_pid));
    CHECK(listener.hear_canary(6, another_pid));
}

TEST_CASE("hearing: each of three transactions of ours is ours")
{
    Listener listener;
    for (std::uint32_t id = 5; id < 8; ++id)
        listener.wrote({.first = id, .last = id});
    for (std::uint32_t id = 5; id < 8; ++id)
        CHECK_FALSE(listener.hear_canary(id, another_pid));
    CHECK(listener.hear_canary(8, another_pid));
}

TEST_CASE("hearing: among several writers of the same moment, ours is the one with our program's pid")
{
    Listener listener;
    listener.wrote({.first = 5, .last = 7, .pid = our_pid});
    CHECK(listener.hear_canary(4, our_pid));
    CHECK(listener.hear_canary(5, another_pid));
    CHECK_FALSE(listener.hear_canary(6, our_pid));
    CHECK(listener.hear_canary(7, another_pid));
    CHECK(listener.hear_canary(8, our_pid));
}

TEST_CASE("hearing: a transaction without a number is not waited for")
{
    Listener listener;
    listener.wrote({.table = repair::Table::nat});
    CHECK(listener.hear_canary(1, another_pid));
}
