// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/await.hpp"
#include "tests/netns/daemon_process.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/stand_in.hpp"
#include "tests/support/ruleset.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <ctime>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sstream>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

// What goes wrong around the daemon.
namespace chainkeeper::tests {

using repair::all_families;
using repair::Family;

namespace {

// For the program to be started: the kernel has no nf_tables, as far as it can see.
bool hide_nf_tables()
{
    constexpr auto low_word = [](int argument) {
        return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + sizeof(std::uint64_t) * unsigned(argument));
    };
    sock_filter filter[]{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low_word(0)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low_word(2)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NETLINK_NETFILTER, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPROTONOSUPPORT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{.len = std::size(filter), .filter = filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

struct Ended {
    int exit_code;
    std::string output;
    std::string errors;
};

// Runs it to its end.
Ended run_start(const Node& node, Process::Start start)
{
    start.output = node.folder() / "program.out";
    start.errors = node.folder() / "program.log";
    for (const auto& file : {start.output, start.errors})
        std::filesystem::remove(file);
    const int exit_code = Process{start}.await_end();
    return {.exit_code = exit_code, .output = text_of(start.output), .errors = text_of(start.errors)};
}

Process::Start check_start(const Node& node)
{
    auto start = daemon_start(node, {});
    start.arguments = {CHAINKEEPER, "check", "--policy", write_policy(node, {}).string()};
    return start;
}

// The same as a user without any capability, for whom the program is copied to where they can read it.
Process::Start as_nobody(const Node& node, Process::Start start)
{
    const auto copy = node.folder() / "program";
    std::filesystem::copy_file(start.arguments.front(), copy, std::filesystem::copy_options::overwrite_existing);
    start.arguments.front() = copy.string();
    const std::vector<std::string> nobody{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                          "--bounding-set=-all"};
    start.arguments.insert(start.arguments.begin(), nobody.begin(), nobody.end());
    for (const auto* const name : {"run", "state"}) {
        std::filesystem::create_directories(node.folder() / name);
        std::filesystem::permissions(node.folder() / name, std::filesystem::perms::all);
    }
    return start;
}

bool is_one_line(const std::string& text)
{
    return !text.empty() && text.find('\n') == text.size() - 1;
}

void check_refuses(const Node& node, const Process::Start& start, const std::string& sentence, int exit_code = 2)
{
    const auto before = generation();
    const auto ended = run_start(node, start);
    CHECK(ended.exit_code == exit_code);
    CHECK(ended.output.empty());
    CAPTURE(ended.errors);
    CHECK(is_one_line(ended.errors));
    CHECK(ended.errors.find(sentence) != std::string::npos);
    CHECK(generation() == before);
}

// A socket of this network namespace that hears netfilter is so full that the kernel had to drop events. Columns of
// /proc/net/netlink: sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode.
bool has_dropped_events()
{
    std::istringstream sockets{text_of("/proc/thread-self/net/netlink")};
    for (std::string line; std::getline(sockets, line);) {
        std::istringstream words{line};
        std::string socket, protocol, port, groups, rmem, wmem, dump, locks, drops;
        words >> socket >> protocol >> port >> groups >> rmem >> wmem >> dump >> locks >> drops;
        if (protocol == std::to_string(NETLINK_NETFILTER) && groups != "00000000" && drops != "0")
            return true;
    }
    return false;
}

std::string twenty_thousand_rules()
{
    std::string text = "*filter\n:FOREIGN - [0:0]\n";
    for (int rule = 0; rule < 20'000; ++rule)
        text += fmt::format("-A FOREIGN -m comment --comment \"a rule with a comment, so that its event is large: {}\" "
                            "-j RETURN\n",
                            rule);
    return text + "COMMIT\n";
}

// A flush while no daemon runs, after one was killed. Returns where its evidence is.
std::filesystem::path flush_unheard(const Node& node, Family family)
{
    make_once(node);
    {
        Daemon daemon{node};
        daemon.process().send(SIGKILL);
        CHECK(daemon.process().await_end() == 128 + SIGKILL);
    }
    flush(family);
    auto evidence = node.folder() / "run" / "evidence.json";
    REQUIRE(std::filesystem::exists(evidence));
    return evidence;
}

}  // namespace

TEST_CASE("without CAP_NET_ADMIN both programs say so in one sentence, and end with 2")
{
    const Node node;
    write_policy(node, {});
    const std::string sentence = "it needs CAP_NET_ADMIN in this network namespace (run it as root)";
    check_refuses(node, as_nobody(node, check_start(node)), sentence);
    check_refuses(node, as_nobody(node, daemon_start(node, {})), sentence);
}

TEST_CASE("in a network namespace that is not the node's the daemon ends with 3, and the command works")
{
    Node node;
    make_once(node);
    write_policy(node, {});
    auto start = daemon_start(node, {});
    std::erase(start.arguments, "--any-network-namespace");
    check_refuses(node, start, "this is not the network namespace of process 1", 3);
    CHECK(run_start(node, check_start(node)).exit_code == 0);
}

TEST_CASE("without nf_tables both programs say so in one sentence, and end with 2")
{
    const Node node;
    write_policy(node, {});
    for (auto start : {check_start(node), daemon_start(node, {})}) {
        start.prepare = hide_nf_tables;
        check_refuses(node, start, "this kernel has no nf_tables");
    }
}

TEST_CASE("an answer that cannot be written is no answer")
{
    const Node node;
    make_once(node);
    const auto policy = write_policy(node, {}).string();
    const auto full = run({"sh", "-c", R"(exec "$0" check --policy "$1" >/dev/full)", CHAINKEEPER, policy});
    CHECK(full.status == 2);
    CHECK(full.errors.find("could not be written") != std::string::npos);
    // More than what stdio keeps back until the end; what goes into a file is written all the same.
    const auto file = (node.folder() / "doctor.prom").string();
    const auto long_one = run(
        {"sh", "-c", R"(exec "$0" doctor --policy "$1" --json --textfile "$2" >/dev/full)", CHAINKEEPER, policy, file});
    CHECK(long_one.status == 2);
    CHECK(long_one.errors.find("could not be written") != std::string::npos);
    CHECK(text_of(file).find("chainkeeper_doctor_") != std::string::npos);
    CHECK(run({"sh", "-c", R"(exec "$0" --version >/dev/full)", CHAINKEEPER}).status == 2);
    const auto closed = run({"sh", "-c", R"(exec "$0" check --policy "$1" <&- >&- 2>&-)", CHAINKEEPER, policy});
    CHECK(closed.status == 0);
}

TEST_CASE("options that are wrong are named without their control characters")
{
    const auto wrong = run({CHAINKEEPER, "doctor", "--check", "\x1b[31m"});
    CHECK(wrong.status == 2);
    CHECK(wrong.errors.find("?[31m") != std::string::npos);
    CHECK(wrong.errors.find('\x1b') == std::string::npos);
    const auto nameless = run({CHAINKEEPER, "doctor", "--textfile", ""});
    CHECK(nameless.status == 2);
    CHECK(nameless.errors.find("it names no file") != std::string::npos);
}

TEST_CASE("a daemon that was started without standard streams takes none of its own files for one")
{
    Node node;
    make_once(node);
    const auto policy = write_policy(node, {}).string();
    const auto folder = node.folder().string();
    const std::string script = R"(RUNTIME_DIRECTORY=$2 STATE_DIRECTORY=$2; export RUNTIME_DIRECTORY STATE_DIRECTORY
                                  exec "$0" --any-network-namespace --policy "$1" --assume-monitor dead <&- >&- 2>&-)";
    Process daemon{{.arguments = {"sh", "-c", script, CHAINKEEPERD, policy, folder}}};
    await("the daemon is at work", [&] { return std::filesystem::exists(node.folder() / "lock"); });
    flush(Family::ipv4);
    await("the chains are back", [&] { return node.examine(Family::ipv4).healthy(); });
    CHECK(text_of(node.folder() / "lock") == fmt::format("{}\n", daemon.pid()));
    CHECK(daemon.stop() == 0);
}

TEST_CASE("a daemon whose reader is gone, and that is told to reload, goes on")
{
    Node node;
    make_once(node);
    Daemon daemon{node, {.arguments = {"--assume-monitor=dead"}}};
    daemon.await_log("ipv6: healthy");
    daemon.process().send(SIGPIPE);
    daemon.process().send(SIGHUP);
    flush(Family::ipv4);
    node.await_healthy(Family::ipv4);
}

TEST_CASE("a second daemon names the first and ends with 2, and the first goes on")
{
    Node node;
    make_once(node);
    Daemon daemon{node, {.arguments = {"--assume-monitor=dead"}}};
    check_refuses(node, daemon_start(node, {}), fmt::format("(pid {})", daemon.process().pid()));
    flush_everything();
    node.await_healthy();
    daemon.await_log("repair: no_monitor (", 2);
}

TEST_CASE("after a kill the next daemon finds the flush that nobody heard, and remembers what was known of kubelet")
{
    const auto family = each_family();
    const Node node;
    flush_unheard(node, family);
    const Daemon daemon{node};
    daemon.await_log(decided(family, "repair: assist ("));
    CHECK(daemon.count("kubelet's Monitor is alive, by presence") > 0);
}

TEST_CASE("a daemon that finds no evidence of the one before it knows nothing of kubelet")
{
    const auto family = each_family();
    const Node node;
    std::filesystem::remove(flush_unheard(node, family));
    const Daemon daemon{node};
    daemon.await_log(decided(family, "wait: kubelet_initialising ("));
}

TEST_CASE("evidence that makes no sense is named, and not used")
{
    const auto family = each_family();
    const Node node;
    write_text(flush_unheard(node, family), "{\"ipv4\": 7}\n");
    const Daemon daemon{node};
    daemon.await_log("evidence.json holds nothing that can be used; starting without");
    daemon.await_log(decided(family, "wait: kubelet_initialising ("));
}

TEST_CASE("with a policy that cannot be read the daemon runs dry with the shipped defaults, and says why")
{
    const Node node;
    make_once(node);
    const auto file = write_policy(node, {});
    const auto mistake = text_of(file) + "repiars = 3\n";
    write_text(file, mistake);
    const auto lines = std::ranges::count(mistake, '\n');
    const auto place = fmt::format("{}:{}:1: ", file.string(), lines);

    const auto checked = chainkeeper(node, {"policy", "check", file.string()});
    CHECK(checked.status == 2);
    CAPTURE(checked.errors);
    CHECK(checked.errors.find(place) != std::string::npos);
    CHECK(checked.errors.find("'repairs'") != std::string::npos);

    auto start = daemon_start(node, {"--assume-monitor=dead"});
    Process daemon{start};
    const auto says = [&](const std::string& text) {
        await("the log said: " + text, [&] { return text_of(start.errors).find(text) != std::string::npos; });
    };
    says("; running dry with the shipped defaults");
    CHECK(text_of(start.errors).find(place) != std::string::npos);
    says("ipv6: healthy");
    flush_everything();
    const auto flushed = generation();
    says("ipv6: would_repair: no_monitor (");
    says("ipv6: dry run: nothing was written");
    CHECK(daemon.stop() == 0);
    CHECK(generation() == flushed);
}

TEST_CASE("when the clock is set the daemon reads again")
{
    const Node node;
    make_once(node);
    const Daemon daemon{node};
    timespec now{};
    REQUIRE(clock_gettime(CLOCK_REALTIME, &now) == 0);
    REQUIRE(clock_settime(CLOCK_REALTIME, &now) == 0);
    daemon.await_log("the clock was set, or the machine slept: the ruleset was read again");
}

TEST_CASE("events that the kernel had to drop are not a flush that was missed")
{
    Node node;
    make_once(node);
    Daemon daemon{node, {.arguments = {"--assume-monitor=dead"}}};
    daemon.process().send(SIGSTOP);
    const auto rules = twenty_thousand_rules();
    await("the kernel had dropped events", [&] {
        restore(Family::ipv4, rules);
        return has_dropped_events();
    });
    flush_everything();
    daemon.process().send(SIGCONT);
    node.await_healthy();
    daemon.await_log("events were lost (ENOBUFS): the ruleset was read again");
    for (const auto family : all_families)
        daemon.await_log(decided(family, "repair: no_monitor ("));
}

}  // namespace chainkeeper::tests
