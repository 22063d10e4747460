// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/await.hpp"
#include "tests/netns/daemon_process.hpp"
#include "tests/netns/generation_watch.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/stand_in.hpp"
#include "tests/support/ruleset.hpp"

#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <string>
#include <thread>

// The daemon beside a writer that never rests, and through flush after flush.
namespace chainkeeper::tests {

using repair::Family;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool address_sanitizer = true;
#else
constexpr bool address_sanitizer = false;
#endif

// Both end with the number of their last turn as the only comment in the chain FOREIGN, and print it.
constexpr std::string_view command_loop = R"shell(
turn=0
until [ -e "$2" ]; do
    turn=$((turn + 1))
    "$1" -w -A FOREIGN -m comment --comment "turn $turn" -j RETURN || exit
    [ $turn = 1 ] || "$1" -w -D FOREIGN -m comment --comment "turn $((turn - 1))" -j RETURN || exit
done
echo $turn
)shell";
constexpr std::string_view restore_loop = R"shell(
turn=0
until [ -e "$2" ]; do
    turn=$((turn + 1))
    printf '*filter\n-F FOREIGN\n-A FOREIGN -m comment --comment "turn %d" -j RETURN\nCOMMIT\n' $turn |
        "$1-restore" -w --noflush || exit
done
echo $turn
)shell";

Process::Start writer(const Node& node, Family family, std::string_view loop)
{
    return {.arguments = {"sh", "-c", std::string{loop}, "writer", iptables(family), (node.folder() / "stop").string()},
            .environment = {},
            .output = node.folder() / "last-turn",
            .errors = node.folder() / "writer.log"};
}

// All of kubelet's, and nothing of anybody else's.
void lose_kubelets(Family family)
{
    if (iptables_in_use() == IptablesBackend::legacy)
        return restore(family, "*nat\n-F\n-X\nCOMMIT\n*filter\n-F INPUT\n-F OUTPUT\n-F KUBE-FIREWALL\n"
                               "-X KUBE-FIREWALL\n-X KUBE-KUBELET-CANARY\nCOMMIT\n*mangle\n-F\n-X\nCOMMIT\n");
    const auto ip = family == Family::ipv4 ? "ip" : "ip6";
    nft_script(
        fmt::format("flush chain {0} filter INPUT\nflush chain {0} filter OUTPUT\n"
                    "flush chain {0} filter KUBE-FIREWALL\ndelete chain {0} filter KUBE-FIREWALL\n"
                    "delete chain {0} filter KUBE-KUBELET-CANARY\ndelete table {0} mangle\ndelete table {0} nat\n",
                    ip));
}

// kubelet's chains are lost while the daemon is stopped. It gets a moment, and is stopped again, wherever it is, until
// the writer has committed once more; and so on. Sooner or later that is between a look of the daemon's and its commit.
void lose_and_let_writer_overtake(Family family, Daemon& daemon)
{
    daemon.process().send(SIGSTOP);
    lose_kubelets(family);
    for (int moment = 1; moment <= 8; ++moment) {
        daemon.process().send(SIGCONT);
        std::this_thread::sleep_for(std::chrono::microseconds{50} * moment);
        daemon.process().send(SIGSTOP);
        const auto stopped = generation();
        await("the writer had committed", [&] { return generation() != stopped; });
    }
    daemon.process().send(SIGCONT);
}

void repair_beside(Place place, std::string_view loop)
{
    const auto family = place.family;
    Node node{24, place.iptables};
    make_once(node);
    const auto before = kubelet_lines(family);
    run_all(family, {{"-N", "FOREIGN"}});
    Daemon daemon{node, {.policy = {.settle = "0s"}, .arguments = {"--assume-monitor=dead"}}};
    Process writing{writer(node, family, loop)};
    await("the writer had begun", [&] { return saved(family).find("turn ") != std::string::npos; });
    constexpr unsigned least_rounds = 20;
    // Who has the lock cannot be overtaken: one that is stopped with it stops the writer.
    const bool has_lock = place.iptables == IptablesBackend::legacy;
    unsigned rounds = 0;
    await("a commit was stale, and repeated", [&] {
        if (++rounds % 2 == 0 || has_lock)
            lose_kubelets(family);
        else
            lose_and_let_writer_overtake(family, daemon);
        node.await_healthy(family);
        return rounds >= least_rounds && (has_lock || daemon.count("after the ruleset had moved on") > 0);
    });
    write_text(node.folder() / "stop", "");
    CHECK(writing.await_end() == 0);
    check_as_before(node, family, before);
    const auto last = fmt::format("-A FOREIGN -m comment --comment \"turn {}\" -j RETURN\n",
                                  std::stoul(text_of(node.folder() / "last-turn")));
    const auto after = saved(family);
    CHECK(after.find(last) != std::string::npos);
    CHECK(after.find("turn ") == after.rfind("turn "));
}

}  // namespace

TEST_CASE("beside a loop of iptables commands every repair arrives, and nothing of the loop's is lost")
{
    repair_beside(each_place(), command_loop);
}

TEST_CASE("beside a loop of iptables-restore every repair arrives, and nothing of the loop's is lost")
{
    repair_beside(each_place(), restore_loop);
}

TEST_CASE("two hundred flushes are healed one by one, and the daemon does not grow")
{
    constexpr unsigned flushes = 200;
    constexpr unsigned warm = 50;
    Node node{27, each_backend()};
    make_once(node);
    Daemon daemon{node, {.policy = {.settle = "0s"}, .arguments = {"--assume-monitor=dead"}}};
    std::size_t resident = 0;
    for (unsigned flush = 1; flush <= flushes; ++flush) {
        flush_everything();
        node.await_healthy();
        // A flush between a commit and the look that verifies it is told of as a repair that did not last.
        for (const auto family : repair::all_families)
            daemon.await_log(decided(family, "all that was to be repaired is there"), flush);
        if (flush == warm)
            resident = daemon.resident_kib();
    }
    if (node.iptables() == IptablesBackend::nft)
        daemon.await_log("flush by nft (", flushes);
    CHECK_FALSE(daemon.process().exit_code());
    constexpr std::size_t slack_kib = 512;
    if constexpr (!address_sanitizer)
        CHECK(daemon.resident_kib() <= resident + slack_kib);
}

}  // namespace chainkeeper::tests
