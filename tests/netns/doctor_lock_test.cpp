// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/legacy/lock.hpp"
#include "tests/netns/await.hpp"
#include "tests/netns/doctor_answer.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/process.hpp"
#include "tests/support/command.hpp"
#include "tests/support/temporary_directory.hpp"

#include <chrono>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <string>
#include <thread>
#include <vector>

// `chainkeeper doctor --check xtables-lock` with real holders of the lock, and real ones who wait.
namespace chainkeeper::tests {

namespace {

const std::string file = "/run/xtables.lock";

// Returns when so many have the lock or wait for it.
void await_users(std::size_t number)
{
    await("the lock is used", [&] { return repair::legacy::users_of_lock(file).size() == number; });
}

DoctorAnswer ask(const Node& node, const std::vector<std::string>& options = {})
{
    return ask_doctor(node, "xtables-lock", options);
}

// Has the lock itself, and execs what keeps it.
std::vector<std::string> holding()
{
    return {"flock", "--no-fork", file, "sleep", "60"};
}

}  // namespace

TEST_CASE("doctor xtables-lock: who holds it, who waits, and for how long at most, by the policy's measure")
{
    const Node node;
    std::filesystem::remove(file);
    CHECK(ask(node).says("is not there"));
    write_text(file, "");
    CHECK(ask(node).says("nobody holds /run/xtables.lock"));
    const TemporaryDirectory policies;
    policies.write("strict.toml", "[doctor]\nlock_held = \"100ms\"\n");
    const std::vector<std::string> strict{"--policy", (policies.path() / "strict.toml").string()};
    {
        const Process holder{{.arguments = holding()}};
        await_users(1);
        const auto young = ask(node);
        CHECK(young.verdict == "ok");
        CHECK(young.says(fmt::format("is held by {} (sleep", holder.pid())));
        CHECK(young.says("for 500ms at least, "));
        std::this_thread::sleep_for(std::chrono::milliseconds{2100});
        const auto old = ask(node, strict);
        CHECK(old.verdict == "warning");
        CHECK(old.status == 1);
        const Process waiter{{.arguments = {"iptables-legacy", "-w", "-N", "WAITED"}}};
        await_users(2);
        const auto waited_for = ask(node);
        CHECK(waited_for.verdict == "warning");
        CHECK(waited_for.says(fmt::format("1 wait for it: {} (iptables", waiter.pid())));
        CHECK(ask(node, strict).verdict == "critical");
    }
    CHECK(ask(node).verdict == "ok");
    CHECK(ask(node, strict).verdict == "ok");
}

TEST_CASE("doctor xtables-lock: a lock whose taker has ended is found with whom it was left to")
{
    const Node node;
    write_text(file, "");
    {
        const Process shell{{.arguments = {"sh", "-c", "exec 9<" + file + "; flock 9; exec sleep 60"}}};
        await_users(1);
        await("flock has ended", [&] {
            const auto users = repair::legacy::users_of_lock(file);
            return !users.empty() && !std::filesystem::exists(fmt::format("/proc/{}", users.front()));
        });
        const auto left = ask(node);
        CHECK(left.verdict == "warning");
        CHECK(left.says(fmt::format("which has ended, left it to who has it open: {} (s", shell.pid())));
    }
    CHECK(ask(node).verdict == "ok");
}

TEST_CASE("doctor xtables-lock: somebody who lets go of it meanwhile is no fault")
{
    const Node node;
    write_text(file, "");
    const Process shell{{.arguments = {"flock", "--no-fork", file, "sleep", "0.3"}}};
    await_users(1);
    const auto answer = ask(node);
    CHECK(answer.verdict == "ok");
    CHECK(answer.status == 0);
}

TEST_CASE("doctor xtables-lock: who has run for long, and has the lock for a moment, is no fault")
{
    const Node node;
    write_text(file, "");
    const TemporaryDirectory policies;
    policies.write("strict.toml", "[doctor]\nlock_held = \"100ms\"\n");
    const Process old{{.arguments = {"sh", "-c", "sleep 3; exec flock --no-fork " + file + " sleep 1.2"}}};
    await_users(1);
    const Process waiter{{.arguments = {"flock", "--no-fork", file, "sleep", "60"}}};
    await_users(2);
    const auto answer = ask_doctor(node, "xtables-lock", {"--policy", (policies.path() / "strict.toml").string()});
    CAPTURE(answer.text);
    CHECK(answer.verdict == "ok");
    CHECK(answer.says(fmt::format("was held by {} (sleep", old.pid())));
}

TEST_CASE("doctor xtables-lock: from another PID namespace nobody is seen, and that is said")
{
    const Node node;
    write_text(file, "");
    const Process holder{{.arguments = holding()}};
    await_users(1);
    const auto answer = doctor_answer(run(
        {"unshare", "--pid", "--fork", "--mount-proc", CHAINKEEPER, "doctor", "--json", "--check", "xtables-lock"}));
    CHECK(answer.verdict == "unknown");
    CHECK(answer.status == 2);
    CHECK(answer.says("PID namespace"));
}

}  // namespace chainkeeper::tests
