// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/process/child_process.hpp"

#include <chrono>
#include <csignal>
#include <doctest/doctest.h>

namespace chainkeeper::repair {

using namespace std::chrono_literals;

TEST_CASE("child process: output, errors and the exit code come back")
{
    const auto answer = run_command({"sh", "-c", "echo out; echo err >&2; exit 3"}, 10s);
    REQUIRE(answer);
    CHECK(answer->exit_code == 3);
    CHECK(answer->output == "out\nerr\n");
}

TEST_CASE("child process: a command that does not exist is 127, one that is killed 128 and the signal")
{
    CHECK(run_command({"no-such-command-here"}, 10s)->exit_code == 127);
    CHECK(run_command({"sh", "-c", "kill -TERM $$"}, 10s)->exit_code == 128 + 15);
}

TEST_CASE("child process: a command that hangs is ended at the deadline")
{
    const auto before = std::chrono::steady_clock::now();
    const auto answer = run_command({"sleep", "60"}, 50ms);
    CHECK(std::chrono::steady_clock::now() - before < 30s);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().what == "sleep 60 did not end in time");
}

TEST_CASE("child process: endless output is cut, and its writer still comes to an end")
{
    const auto answer = run_command({"sh", "-c", "head -c 1000000 /dev/zero"}, 10s);
    REQUIRE(answer);
    CHECK(answer->exit_code == 0);
    CHECK(answer->output.size() == 65536);
}

TEST_CASE("child process: a command reads what it is given, and has the variables that it is given")
{
    const auto answer = attempt_command({"sh", "-c", "cat; echo $COLOUR"}, 10s,
                                        {.input = "one\ntwo\n", .environment = {{"COLOUR", "green"}}});
    REQUIRE(answer);
    CHECK(answer->ended);
    CHECK(answer->exit_code == 0);
    CHECK(answer->output == "one\ntwo\ngreen\n");
}

TEST_CASE("child process: one that hangs has had a pid, and what it said is kept")
{
    const auto answer = attempt_command({"sh", "-c", "echo $$; exec sleep 60"}, 300ms, {});
    REQUIRE(answer);
    CHECK_FALSE(answer->ended);
    CHECK(answer->exit_code == 128 + SIGKILL);
    CHECK(answer->output == std::to_string(answer->pid) + "\n");
}

TEST_CASE("child process: commands are looked for in PATH and where administrators' are")
{
    CHECK(has_command("sh"));
    CHECK(has_command("iptables"));
    CHECK_FALSE(has_command("no-such-command-here"));
}

}  // namespace chainkeeper::repair
