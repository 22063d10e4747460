// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"
#include "repair/error.hpp"

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <sys/types.h>

struct sd_event;
struct sd_event_source;

namespace chainkeeper::daemon {

struct WatchTarget;

// sd-event with callbacks that are functions. What is added stays until the loop is destroyed; what is watched, until
// its Watch is. What a callback throws ends the program.
class EventLoop {
public:
    static repair::Result<EventLoop> create();

    class Watch;
    // The descriptor stays the caller's, and has to outlive the watch.
    repair::Result<Watch> watch_readable(int descriptor, std::function<void()> callback);
    // As add_child(). A watch that is destroyed before the child has ended kills it, and waits until it is dead.
    repair::Result<Watch> watch_child(pid_t child, std::function<void(int wait_status)> callback);

    // The descriptor stays the caller's, and has to outlive the loop.
    repair::Result<void> add_readable(int descriptor, std::function<void()> callback);
    // Blocks the signal for this process, and takes it here instead.
    repair::Result<void> add_signal(int signal, std::function<void()> callback);
    // Once, with what waitpid says of it. SIGCHLD has to be blocked (block_child_signals).
    repair::Result<void> add_child(pid_t child, std::function<void(int wait_status)> callback);

    // A timer does nothing until it is set, and then calls back once, within a microsecond.
    class Timer;
    repair::Result<Timer> add_timer(std::function<void()> callback);

    // For what has an sd-event binding of its own: sd_bus_attach_event().
    [[nodiscard]] sd_event* native() const { return loop_.get(); }

    // Tells systemd that the loop turns, where it wants to know ($WATCHDOG_USEC).
    repair::Result<void> watch_watchdog();

    // Called after each time that something woke the loop, the watchdog among it: for what has no need to wake it.
    void after_each_turn(std::function<void()> callback) { after_turn_ = std::move(callback); }

    // Runs until stop().
    repair::Result<int> run();
    void stop(int exit_code);

private:
    struct Release {
        void operator()(sd_event* loop) const noexcept;
        void operator()(sd_event_source* source) const noexcept;
    };
    using Source = std::unique_ptr<sd_event_source, Release>;
    explicit EventLoop(sd_event* loop) : loop_{loop} {}

    std::unique_ptr<sd_event, Release> loop_;
    std::list<Watch> kept_;
    std::function<void()> after_turn_;
};

// Something that is being watched, or nothing. Destroying it is the end of that; its own callback may do so.
class EventLoop::Watch {
public:
    Watch() = default;

private:
    friend class EventLoop;
    static repair::Result<Watch> made(int result, sd_event_source* source, std::shared_ptr<WatchTarget> target,
                                      const char* doing);

    std::shared_ptr<WatchTarget> target_;  // its address is with sd-event
    Source source_;
};

class EventLoop::Timer {
public:
    // CLOCK_MONOTONIC; an instant in the past is due at once. Nothing: off.
    void set(std::optional<Instant> instant);

private:
    friend class EventLoop;
    explicit Timer(sd_event_source* source) : source_{source} {}
    sd_event_source* source_;
};

// For the whole process, once: without it the kernel would throw the news of a child away.
void block_child_signals();

}  // namespace chainkeeper::daemon
