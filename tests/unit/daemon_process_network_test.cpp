// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/process_network.hpp"

#include "tests/support/temporary_directory.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fstream>
#include <string>
#include <unistd.h>

using namespace chainkeeper;
using daemon::network_of_process;
using daemon::network_of_writer;
using daemon::ProcessNetwork;

namespace {

// A /proc in which this thread is in one network namespace and process 4711 in another.
class FakeProc {
public:
    FakeProc()
    {
        directory_.write("thread-self/net/dev", "");
        directory_.write("4711/net/dev", "");
        directory_.write("4711/comm", "iptables-legacy\n");
    }
    // Two names for one file are what one network namespace is to its processes.
    void enter_ours() const
    {
        std::filesystem::remove(path() / "4711/net/dev");
        std::filesystem::create_hard_link(path() / "thread-self/net/dev", path() / "4711/net/dev");
    }
    [[nodiscard]] const std::filesystem::path& path() const { return directory_.path(); }
    [[nodiscard]] ProcessNetwork of(std::uint32_t pid, std::string_view comm = "iptables-legacy") const
    {
        return network_of_writer(path(), pid, comm);
    }

private:
    tests::TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE("writer's network: ours, or another")
{
    const FakeProc proc;
    CHECK(proc.of(4711) == ProcessNetwork::other);
    proc.enter_ours();
    CHECK(proc.of(4711) == ProcessNetwork::ours);
}

TEST_CASE("writer's network: not known of a process that has gone, or that is another by now")
{
    const FakeProc proc;
    CHECK(proc.of(4712) == ProcessNetwork::unknown);
    CHECK(proc.of(0) == ProcessNetwork::unknown);
    CHECK(proc.of(4711, "") == ProcessNetwork::unknown);
    CHECK(proc.of(4711, "iptables") == ProcessNetwork::unknown);
    CHECK(proc.of(4711, "iptables-legacy-restore") == ProcessNetwork::unknown);
    std::filesystem::remove(proc.path() / "4711/net/dev");
    CHECK(proc.of(4711) == ProcessNetwork::unknown);
}

TEST_CASE("writer's network: not known where our own is not")
{
    const FakeProc proc;
    std::filesystem::remove_all(proc.path() / "thread-self");
    CHECK(proc.of(4711) == ProcessNetwork::unknown);
    CHECK(network_of_writer("/nonexistent", 1, "init") == ProcessNetwork::unknown);
}

TEST_CASE("writer's network: the kernel's own /proc says of this process that it is in ours")
{
    std::string comm;
    std::getline(std::ifstream{"/proc/self/comm"}, comm);
    CHECK(network_of_writer("/proc", static_cast<std::uint32_t>(getpid()), comm) == ProcessNetwork::ours);
}

TEST_CASE("process's network: ours, another, or not to be seen")
{
    const FakeProc proc;
    CHECK(network_of_process(proc.path(), 4711) == ProcessNetwork::other);
    proc.enter_ours();
    CHECK(network_of_process(proc.path(), 4711) == ProcessNetwork::ours);
    CHECK(network_of_process(proc.path(), 4712) == ProcessNetwork::unknown);
    CHECK(network_of_process("/nonexistent", 1) == ProcessNetwork::unknown);
}
