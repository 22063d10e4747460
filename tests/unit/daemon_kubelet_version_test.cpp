// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet/kubelet_version.hpp"
#include "tests/support/child_signal.hpp"

#include <csignal>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fstream>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <vector>

using namespace chainkeeper;
using namespace chainkeeper::daemon;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

// Processes as /proc shows them, a loop, and the answers to what was asked.
struct Node {
    Node()
    {
        fs::remove_all(proc);
        version = *KubeletVersion::create(loop, clock, {.proc = proc, .deadline = deadline});
    }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;
    Node(Node&&) = delete;
    Node& operator=(Node&&) = delete;
    ~Node() { fs::remove_all(proc); }

    void runs(pid_t process, const fs::path& program, const std::string& cmdline) const
    {
        const auto folder = proc / fmt::to_string(process);
        fs::create_directories(folder);
        fs::create_symlink(program, folder / "exe");
        std::ofstream{folder / "cmdline"} << cmdline;
    }
    // A program of a few lines of shell.
    void runs_script(pid_t process, const std::string& lines) const
    {
        const auto script = proc / fmt::format("script-{}", process);
        fs::create_directories(proc);
        std::ofstream{script} << "#!/bin/sh\n" << lines << "\n";
        fs::permissions(script, fs::perms::owner_all);
        runs(process, script, std::string{"kubelet\0--config=/x\0", 20});
    }
    void ask(pid_t process)
    {
        version->ask(process, [this](const repair::Result<std::string>& answer) {
            answers.push_back(answer ? *answer : "error: " + answer.error().what);
        });
    }
    bool run_until_answers(std::size_t count, Duration limit = 10s) const
    {
        const auto end = clock.now() + limit;
        while (answers.size() < count && clock.now() < end)
            REQUIRE(sd_event_run(loop.native(), 10'000) >= 0);
        return answers.size() >= count;
    }
    void run_for(Duration duration) const { run_until_answers(SIZE_MAX, duration); }
    std::string answer(pid_t process)
    {
        answers.clear();
        ask(process);
        CHECK(answers.empty());
        REQUIRE(run_until_answers(1));
        return answers.front();
    }

    static constexpr Duration deadline = 500ms;
    tests::BlockedChildSignal blocked;
    fs::path proc = fs::temp_directory_path() / fmt::format("kubelet-version-{}", getpid());
    EventLoop loop = *EventLoop::create();
    SystemClock clock;
    std::vector<std::string> answers;
    std::unique_ptr<KubeletVersion> version;
};

bool has_children()
{
    siginfo_t info{};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

}  // namespace

TEST_CASE("kubelet's version: in what the programs print")
{
    CHECK(version_in_output("Kubernetes v1.34.2\n") == "v1.34.2");
    CHECK(version_in_output("Kubernetes v1.29.4-gke.100") == "v1.29.4-gke.100");
    CHECK(version_in_output("k3s version v1.30.1+k3s1 (80978b5b)\ngo version go1.22.2\n") == "v1.30.1+k3s1");
    CHECK(version_in_output("rke2 version v1.30.1+rke2r1 (e7f87c6dd56fdd76a7dab58900aeea8946b2c008)\n") ==
          "v1.30.1+rke2r1");
    CHECK(version_in_output("W0101 a warning\r\n\nKubernetes v1.34.2\r\n") == "v1.34.2");
}

TEST_CASE("kubelet's version: what only looks like one is none")
{
    for (const std::string text :
         {"", "\n", "v1.34.2", "Kubernetes", "Kubernetes ", "Kubernetes v1", "Kubernetes latest", " Kubernetes v1.34.2",
          "kubernetes v1.34.2", "Docker version 24.0.7, build afdd53b", "GNU bash, version 5.2.15(1)-release",
          "Kubernetes v1.34.2\x1b[31m", "Kubernetes \xff", "Client: Kubernetes v1.34.2"}) {
        CAPTURE(text);
        CHECK_FALSE(version_in_output(text).has_value());
    }
    CHECK_FALSE(version_in_output("Kubernetes v1.34.2+" + std::string(100, 'a')).has_value());
    CHECK_FALSE(version_in_output(std::string(100'000, '\n')).has_value());
}

TEST_CASE("kubelet's version: the program is asked with --version alone, and answers")
{
    Node node;
    node.runs_script(42, R"(echo a warning >&2; [ "$*" = --version ] && echo Kubernetes v1.34.2)");
    CHECK(node.answer(42) == "v1.34.2");
    CHECK(node.answer(42) == "v1.34.2");
    CHECK_FALSE(has_children());
}

TEST_CASE("kubelet's version: the program goes by the name that the process has, without its title")
{
    Node node;
    node.runs(42, "/bin/dash", std::string{"/usr/bin/k3s server\0\0\0", 22});
    CHECK(node.answer(42).find("/usr/bin/k3s: 0: Illegal option --") != std::string::npos);
    node.runs(43, "/bin/dash", "");
    CHECK(node.answer(43).find("'kubelet: 0: Illegal option --") != std::string::npos);
}

TEST_CASE("kubelet's version: what a program says instead is told, fit to print")
{
    Node node;
    node.runs_script(1, "echo Kubernetes v1.34.2; exit 3");
    CHECK(node.answer(1) == "error: kubelet's program says no version: it ended with 3 and 'Kubernetes v1.34.2'");
    node.runs_script(2, R"(printf 'a\033\377b\nc')");
    CHECK(node.answer(2) == "error: kubelet's program says no version: it ended with 0 and 'a??b'");
    node.runs_script(3, "kill -KILL $$");
    CHECK(node.answer(3) == "error: kubelet's program says no version: it ended with 137 and ''");
}

TEST_CASE("kubelet's version: a process that is gone, or that may not be looked at, has none")
{
    Node node;
    CHECK(node.answer(4) == fmt::format("error: kubelet's program cannot be asked for its version: {}/4/exe: No such "
                                        "file or directory",
                                        node.proc.string()));
    node.runs(5, "/nonexistent", "kubelet");
    CHECK(node.answer(5) == "error: kubelet's program says no version: it ended with 127 and ''");
}

TEST_CASE("kubelet's version: a program that does not end is killed at the deadline")
{
    Node node;
    node.runs_script(42, "echo Kubernetes v1.34.2; exec sleep 60");
    const auto before = node.clock.now();
    CHECK(node.answer(42) == "error: kubelet's program says no version: it did not end in time");
    CHECK(node.clock.now() - before >= Node::deadline);
    node.run_for(100ms);
    CHECK_FALSE(has_children());
    CHECK(node.answers.size() == 1);
}

TEST_CASE("kubelet's version: one that closes its output and goes on does not keep the loop busy")
{
    Node node;
    node.runs_script(42, "exec >&- 2>&-; exec sleep 60");
    node.ask(42);
    unsigned turns = 0;
    const auto end = node.clock.now() + 300ms;
    for (; node.clock.now() < end; ++turns)
        REQUIRE(sd_event_run(node.loop.native(), 50'000) >= 0);
    CHECK(turns < 30);
}

TEST_CASE("kubelet's version: one that writes without end is killed at once")
{
    Node node;
    node.runs_script(42, "exec cat /dev/zero");
    CHECK(node.answer(42) == "error: kubelet's program says no version, but much else");
    node.run_for(100ms);
    CHECK_FALSE(has_children());
}

TEST_CASE("kubelet's version: a new question takes the place of the old one")
{
    Node node;
    node.runs_script(42, "exec sleep 60");
    node.runs_script(43, "echo Kubernetes v1.35.0");
    node.ask(42);
    node.run_for(50ms);
    node.ask(43);
    REQUIRE(node.run_until_answers(1));
    node.run_for(100ms);
    CHECK(node.answers == std::vector<std::string>{"v1.35.0"});
    CHECK_FALSE(has_children());
}

TEST_CASE("kubelet's version: the callback may ask again, and an end in between leaves nothing behind")
{
    Node node;
    node.runs_script(42, "echo Kubernetes v1.34.2");
    node.runs_script(43, "exec sleep 60");
    node.version->ask(42, [&](const auto&) { node.ask(42); });
    REQUIRE(node.run_until_answers(1));
    CHECK(node.answers.front() == "v1.34.2");
    node.ask(43);
    node.run_for(50ms);
    CHECK(has_children());
    node.version.reset();
    CHECK_FALSE(has_children());
}
