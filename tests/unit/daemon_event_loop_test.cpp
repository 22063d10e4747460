// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/event_loop.hpp"
#include "daemon/file_descriptor.hpp"
#include "tests/support/child_signal.hpp"

#include <array>
#include <csignal>
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>

using namespace chainkeeper;
using namespace chainkeeper::daemon;

namespace {

struct Pipe {
    FileDescriptor reading;
    FileDescriptor writing;

    static Pipe make()
    {
        std::array<int, 2> ends{};
        REQUIRE(pipe(ends.data()) == 0);
        return {FileDescriptor{ends[0]}, FileDescriptor{ends[1]}};
    }
    void write_one() const { REQUIRE(write(writing.number(), "x", 1) == 1); }
};

void run_once(const EventLoop& loop)
{
    REQUIRE(sd_event_run(loop.native(), 0) >= 0);
}

pid_t start_sleeper()
{
    const pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    REQUIRE(child > 0);
    return child;
}

}  // namespace

TEST_CASE("event loop: what is watched is heard until the watch is gone")
{
    auto loop = EventLoop::create();
    REQUIRE(loop);
    const auto pipe = Pipe::make();
    int calls = 0;
    {
        const auto watch = loop->watch_readable(pipe.reading.number(), [&] { ++calls; });
        REQUIRE(watch);
        run_once(*loop);
        CHECK(calls == 0);
        pipe.write_one();
        run_once(*loop);
        CHECK(calls == 1);
    }
    run_once(*loop);
    CHECK(calls == 1);
}

TEST_CASE("event loop: a watch may be destroyed by its own callback, and the descriptor watched again")
{
    auto loop = EventLoop::create();
    REQUIRE(loop);
    const auto pipe = Pipe::make();
    pipe.write_one();
    EventLoop::Watch watch;
    std::string heard;
    const std::string word = "a word that is too long to be kept within the function object itself";
    auto made = loop->watch_readable(pipe.reading.number(), [&heard, &watch, word] {
        watch = EventLoop::Watch{};
        heard += word;
    });
    REQUIRE(made);
    watch = *std::move(made);
    run_once(*loop);
    run_once(*loop);
    CHECK(heard == word);
    CHECK(loop->watch_readable(pipe.reading.number(), [] {}));
}

TEST_CASE("event loop: what cannot be watched is an error")
{
    auto loop = EventLoop::create();
    REQUIRE(loop);
    const auto watch = loop->watch_readable(-1, [] {});
    REQUIRE_FALSE(watch);
    CHECK(watch.error().what.find("watching a descriptor") != std::string::npos);
}

TEST_CASE("event loop: a child that is no longer watched is dead and buried")
{
    const tests::BlockedChildSignal blocked;
    auto loop = EventLoop::create();
    REQUIRE(loop);
    const auto child = start_sleeper();
    {
        const auto watch = loop->watch_child(child, [](int) { CHECK(false); });
        REQUIRE(watch);
        run_once(*loop);
    }
    CHECK(kill(child, 0) != 0);
    CHECK(waitpid(child, nullptr, WNOHANG) == -1);
}

TEST_CASE("event loop: a watched child tells how it ended")
{
    const tests::BlockedChildSignal blocked;
    auto loop = EventLoop::create();
    REQUIRE(loop);
    const auto child = start_sleeper();
    int status = 0;
    const auto watch = loop->watch_child(child, [&](int wait_status) { status = wait_status; });
    REQUIRE(watch);
    kill(child, SIGKILL);
    REQUIRE(sd_event_run(loop->native(), 5'000'000) > 0);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGKILL);
}
