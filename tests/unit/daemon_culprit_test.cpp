// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/culprit.hpp"
#include "tests/support/temporary_directory.hpp"

#include <array>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

using namespace chainkeeper;
using daemon::Confidence;
using daemon::read_culprit;
using daemon::unit_of_cgroup;
using namespace std::string_literals;

namespace {

struct FakeProcess {
    std::uint32_t pid;
    std::uint32_t parent;
    std::string comm;
    std::string command_line;
    std::string cgroup = "0::/\n";
};

// A /proc that holds what a test puts there.
class FakeProc {
public:
    void add(const FakeProcess& process) const
    {
        write(process.pid, "cgroup", process.cgroup);
        write(process.pid, "comm", process.comm + '\n');
        write(process.pid, "cmdline", process.command_line);
        write(process.pid, "stat", fmt::format("{} ({}) S {} 1 1 0 -1\n", process.pid, process.comm, process.parent));
    }
    void write(std::uint32_t pid, const char* file, std::string_view text) const
    {
        directory_.write(fmt::format("{}/{}", pid, file), text);
    }
    [[nodiscard]] daemon::Culprit read(std::uint32_t pid, std::string_view comm) const
    {
        return read_culprit(directory_.path(), pid, comm);
    }

private:
    tests::TemporaryDirectory directory_;
};

const FakeProcess iptables{.pid = 4711,
                           .parent = 4242,
                           .comm = "iptables",
                           .command_line = "iptables\0-t\0nat\0-F\0"s,
                           .cgroup = "0::/system.slice/iptables.service\n"};

}  // namespace

TEST_CASE("culprit: the unit of a cgroup is the innermost that runs processes")
{
    CHECK(unit_of_cgroup("0::/system.slice/iptables.service\n") == "iptables.service");
    CHECK(unit_of_cgroup("0::/system.slice/iptables.service") == "iptables.service");
    CHECK(unit_of_cgroup("0::/system.slice/system-getty.slice/getty@tty1.service\n") == "getty@tty1.service");
    CHECK(unit_of_cgroup("0::/user.slice/user-1000.slice/session-4.scope\n") == "session-4.scope");
    CHECK(unit_of_cgroup("0::/user.slice/user-1000.slice/user@1000.service/app.slice/vim.service\n") == "vim.service");
    CHECK(unit_of_cgroup("0::/user.slice/user-1000.slice/user@1000.service/init.scope\n") == "init.scope");
    CHECK(unit_of_cgroup("0::/system.slice/docker.service/payload/deeper\n") == "docker.service");
    CHECK(unit_of_cgroup(R"(0::/system.slice/snap.microk8s.daemon\x2dkubelite.service)") ==
          R"(snap.microk8s.daemon\x2dkubelite.service)");
}

TEST_CASE("culprit: a container is its scope, or the slice of its pod where the runtime makes no scope")
{
    const auto id = std::string(64, 'a');
    CHECK(unit_of_cgroup(fmt::format(
              "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-{}.scope\n",
              id)) == fmt::format("cri-containerd-{}.scope", id));
    CHECK(unit_of_cgroup(fmt::format("0::/kubepods.slice/kubepods-pod1.slice/{}\n", id)) == "kubepods-pod1.slice");
    CHECK(unit_of_cgroup(fmt::format("0::/kubepods/burstable/pod1/{}\n", id)).empty());
}

TEST_CASE("culprit: the hierarchies of v1 and of the hybrid layout")
{
    CHECK(unit_of_cgroup("2:cpu,cpuacct:/system.slice/wrong.service\n1:name=systemd:/system.slice/x.service\n") ==
          "x.service");
    CHECK(unit_of_cgroup("1:name=systemd:/system.slice/x.service\n0::/\n") == "x.service");
    CHECK(unit_of_cgroup("1:name=systemd:/\n0::/system.slice/x.service\n") == "x.service");
    CHECK(unit_of_cgroup("1:name=systemd:/system.slice/other.service\n0::/system.slice/x.service\n") == "x.service");
    CHECK(unit_of_cgroup("0::/system.slice/x.service\n1:name=systemd:/system.slice/other.service\n") == "x.service");
    CHECK(unit_of_cgroup("0::/system.slice\n1:name=systemd:/system.slice/x.service\n") == "x.service");
    CHECK(unit_of_cgroup("4:memory:/system.slice/x.service\n3:pids:/system.slice/x.service\n").empty());
}

TEST_CASE("culprit: names are given as systemd knows them")
{
    CHECK(unit_of_cgroup("0::/system.slice/_cpu.service\n") == "cpu.service");
    CHECK(unit_of_cgroup("0::/system.slice/iptables.service (deleted)\n") == "iptables.service");
    CHECK(unit_of_cgroup("0::/system.slice/a:b.service\n") == "a:b.service");
    CHECK(unit_of_cgroup("0::/system.slice/\x1b[31m\xff.service\n") == "?[31m?.service");
}

TEST_CASE("culprit: a slice is better than nothing, and worse than a service around it")
{
    CHECK(unit_of_cgroup("0::/system.slice\n") == "system.slice");
    CHECK(unit_of_cgroup("0::/a.slice/a-b.slice\n") == "a-b.slice");
    CHECK(unit_of_cgroup("0::/user.slice/user@1.service/app.slice\n") == "user@1.service");
}

TEST_CASE("culprit: what is no cgroup names no unit")
{
    for (const auto* const text : {"", "\n", "0", "0:", "0::", "0::/", "::", ":::::", "0:cpu:/x.service", "x.service",
                                   "\n\n0::/\n\n", "1::/x.service", "0::///", "0::/service/scope/slice"}) {
        CAPTURE(text);
        CHECK(unit_of_cgroup(text).empty());
    }
}

TEST_CASE("culprit: unit, command line and parents of a writer that is there")
{
    const FakeProc proc;
    proc.add(iptables);
    proc.add({.pid = 4242, .parent = 1, .comm = "a) S 9 (b", .command_line = {}});
    proc.add({.pid = 1, .parent = 0, .comm = "systemd", .command_line = {}});
    const auto culprit = proc.read(4711, "iptables");
    CHECK(culprit.pid == 4711);
    CHECK(culprit.comm == "iptables");
    CHECK(culprit.unit == "iptables.service");
    CHECK(culprit.command_line == "iptables -t nat -F");
    CHECK(culprit.ancestors == std::vector<std::string>{"a) S 9 (b (4242)", "systemd (1)"});
    CHECK(culprit.confidence == Confidence::process);
}

TEST_CASE("culprit: of a number that is another's by now nothing is believed")
{
    const FakeProc proc;
    proc.add(iptables);
    for (const auto* const comm : {"iptables-nft-re", "iptable", "iptables\n", ""}) {
        CAPTURE(comm);
        const auto culprit = proc.read(4711, comm);
        CHECK(culprit.unit.empty());
        CHECK(culprit.command_line.empty());
        CHECK(culprit.ancestors.empty());
        CHECK(culprit.confidence == Confidence::none);
    }
}

TEST_CASE("culprit: a writer that has gone is pid and comm")
{
    const FakeProc proc;
    CHECK(proc.read(4711, "nft") == daemon::Culprit{.pid = 4711, .comm = "nft"});
    CHECK(read_culprit("/nonexistent", 4711, "nft") == daemon::Culprit{.pid = 4711, .comm = "nft"});
    CHECK(proc.read(0, "") == daemon::Culprit{});
    CHECK(proc.read(4294967295U, "nft").confidence == Confidence::none);
}

TEST_CASE("culprit: of a writer that is exiting there is its cgroup or nothing")
{
    const FakeProc proc;
    auto zombie = iptables;
    zombie.command_line.clear();
    proc.add(zombie);
    CHECK(proc.read(4711, "iptables").unit == "iptables.service");
    CHECK(proc.read(4711, "iptables").confidence == Confidence::process);
    zombie.cgroup = "1:name=systemd:/\n";
    proc.add(zombie);
    CHECK(proc.read(4711, "iptables") == daemon::Culprit{.pid = 4711, .comm = "iptables"});
}

TEST_CASE("culprit: files that are missing, empty or garbage are done without")
{
    const FakeProc proc;
    proc.write(4711, "comm", "nft\n");
    CHECK(proc.read(4711, "nft").confidence == Confidence::none);
    proc.write(4711, "cmdline", "nft\0flush\0ruleset"s);
    CHECK(proc.read(4711, "nft").command_line == "nft flush ruleset");
    for (const auto& garbage :
         {""s, "("s, ")"s, ")("s, "()"s, "4711 (nft)"s, "4711 (nft) S"s, "4711 (nft) S x"s, "4711 (nft) S -1 "s,
          "4711 (nft) S 99999999999999999999 "s, std::string(100000, '('), std::string(5000, '\xff'), "\0\0)"s}) {
        CAPTURE(garbage);
        proc.write(4711, "stat", garbage);
        proc.write(4711, "cgroup", garbage);
        const auto culprit = proc.read(4711, "nft");
        CHECK(culprit.unit.empty());
        CHECK(culprit.ancestors.empty());
        CHECK(culprit.confidence == Confidence::process);
    }
}

TEST_CASE("culprit: a directory in the place of a file is not read")
{
    const FakeProc proc;
    proc.write(4711, "comm", "nft\n");
    proc.write(4711, "cmdline/deeper", "");
    proc.write(4711, "cgroup/deeper", "");
    CHECK(proc.read(4711, "nft").confidence == Confidence::none);
}

TEST_CASE("culprit: a command line is cut, and fit to be shown")
{
    const FakeProc proc;
    auto process = iptables;
    process.command_line = std::string(std::size_t{1} << 20U, 'x');
    proc.add(process);
    const auto cut = proc.read(4711, "iptables").command_line;
    CHECK(cut.size() == 512);
    CHECK(cut.ends_with("x…"));
    process.command_line = std::string(512, 'x') + std::string(3, '\0');
    proc.add(process);
    CHECK(proc.read(4711, "iptables").command_line == std::string(512, 'x'));
    process.command_line = "sh\0-c\0\x1b[2J\xc3\n\0"s;
    proc.add(process);
    CHECK(proc.read(4711, "iptables").command_line == "sh -c ?[2J??");
}

TEST_CASE("culprit: parents are followed eight times, be it in a circle, and as far as they are there")
{
    const FakeProc proc;
    proc.add(iptables);
    CHECK(proc.read(4711, "iptables").ancestors.empty());
    proc.add({.pid = 4242, .parent = 4711, .comm = "sh", .command_line = {}});
    const auto circle = proc.read(4711, "iptables").ancestors;
    REQUIRE(circle.size() == 8);
    CHECK(circle.front() == "sh (4242)");
    CHECK(circle.back() == "iptables (4711)");
    proc.add({.pid = 4242, .parent = 4242, .comm = "sh", .command_line = {}});
    CHECK(proc.read(4711, "iptables").ancestors == std::vector<std::string>(8, "sh (4242)"));
}

TEST_CASE("culprit: the real /proc knows this test")
{
    const auto pid = static_cast<std::uint32_t>(getpid());
    std::array<char, 16> name{};
    prctl(PR_GET_NAME, name.data());
    const auto culprit = read_culprit("/proc", pid, name.data());
    CHECK(culprit.confidence == Confidence::process);
    CHECK(culprit.command_line.find("unit_tests") != std::string::npos);
    REQUIRE_FALSE(culprit.ancestors.empty());
    CHECK(culprit.ancestors.front().ends_with(fmt::format(" ({})", getppid())));
    CHECK(read_culprit("/proc", pid, "iptables").confidence == Confidence::none);
}
