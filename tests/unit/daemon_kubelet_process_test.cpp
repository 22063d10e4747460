// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet/kubelet_process.hpp"

#include <csignal>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

using namespace chainkeeper::daemon;
namespace fs = std::filesystem;

namespace {

// Processes as /proc shows them.
struct Processes {
    Processes() { fs::remove_all(proc); }
    Processes(const Processes&) = delete;
    Processes& operator=(const Processes&) = delete;
    Processes(Processes&&) = delete;
    Processes& operator=(Processes&&) = delete;
    ~Processes() { fs::remove_all(proc); }

    void runs(pid_t process, const std::string& program) const
    {
        fs::create_directories(proc / fmt::to_string(process));
        std::ofstream{proc / fmt::to_string(process) / "cmdline"} << program << '\0' << "--v=2" << '\0';
    }
    void has_children(pid_t process, pid_t thread, const std::string& children) const
    {
        const auto folder = proc / fmt::format("{}/task/{}", process, thread);
        fs::create_directories(folder);
        std::ofstream{folder / "children"} << children;
    }

    fs::path proc = fs::temp_directory_path() / fmt::format("kubelet-process-{}", getpid());
};

}  // namespace

TEST_CASE("kubelet's process: the unit's main process, where that is kubelet")
{
    const Processes processes;
    processes.runs(10, "/usr/bin/kubelet");
    processes.has_children(10, 10, "11 ");
    processes.runs(11, "kubelet");
    CHECK(kubelet_process(processes.proc, 10) == 10);
}

TEST_CASE("kubelet's process: the child of that name, of whichever thread")
{
    const Processes processes;
    processes.runs(10, "/usr/local/bin/k0s");
    processes.has_children(10, 10, "11 12 ");
    processes.has_children(10, 17, "13 ");
    processes.runs(11, "containerd");
    processes.runs(12, "/x/kubelet-wrapper");
    processes.runs(13, "/var/lib/k0s/bin/kubelet");
    CHECK(kubelet_process(processes.proc, 10) == 13);
}

TEST_CASE("kubelet's process: the main process while there is none, or nothing can be read")
{
    const Processes processes;
    CHECK(kubelet_process(processes.proc, 10) == 10);
    processes.runs(10, "k3s server");
    CHECK(kubelet_process(processes.proc, 10) == 10);
    processes.has_children(10, 10, "garbage 11");
    processes.has_children(10, 11, "-5 99999999999999999999");
    processes.runs(11, "kubelet");
    CHECK(kubelet_process(processes.proc, 10) == 10);
}

TEST_CASE("kubelet's process: systemd's child is not kubelet before it has executed it")
{
    const Processes processes;
    fs::create_directories(processes.proc / "10");
    std::ofstream{processes.proc / "10" / "comm"} << "(kubelet)\n";
    CHECK_FALSE(has_executed(processes.proc, 10));
    std::ofstream{processes.proc / "10" / "comm"} << "kubelet\n";
    CHECK(has_executed(processes.proc, 10));
    CHECK(has_executed(processes.proc, 11));  // gone
    CHECK(has_executed("/proc", getpid()));
}

TEST_CASE("kubelet's process: the kernel tells of children")
{
    const pid_t child = fork();
    if (child == 0) {
        execl("/bin/sleep", "/usr/bin/kubelet", "60", nullptr);
        _exit(127);
    }
    pid_t found = 0;
    for (int attempt = 0; attempt < 1'000 && found != child; ++attempt) {
        found = kubelet_process("/proc", getpid());
        usleep(1'000);
    }
    CHECK(found == child);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
}
