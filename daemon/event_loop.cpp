// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/event_loop.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>

namespace chainkeeper::daemon {

// What a callback needs to be alive for as long as it runs, though it destroys its own watch.
struct WatchTarget : std::enable_shared_from_this<WatchTarget> {
    explicit WatchTarget(std::function<void(int)> function) : callback{std::move(function)} {}
    std::function<void(int)> callback;
};

namespace {

constexpr auto forever = static_cast<std::uint64_t>(-1);  // of sd_event_run(3)

// sd-event's own callbacks are C: nothing may be thrown through them, so what is thrown ends the program.
int call(void* target_pointer, int argument) noexcept
{
    const auto target = static_cast<WatchTarget*>(target_pointer)->shared_from_this();
    target->callback(argument);
    return 0;
}

int on_readable(sd_event_source* /*source*/, int /*descriptor*/, std::uint32_t /*events*/, void* target) noexcept
{
    return call(target, 0);
}

int on_signal(sd_event_source* /*source*/, const signalfd_siginfo* /*info*/, void* target) noexcept
{
    return call(target, 0);
}

int on_time(sd_event_source* /*source*/, std::uint64_t /*time*/, void* target) noexcept
{
    return call(target, 0);
}

int on_child(sd_event_source* /*source*/, const siginfo_t* info, void* target) noexcept
{
    const int status = info->si_code == CLD_EXITED ? info->si_status << 8 : info->si_status;
    return call(target, status);
}

std::shared_ptr<WatchTarget> target_of(std::function<void(int)> callback)
{
    return std::make_shared<WatchTarget>(std::move(callback));
}

std::shared_ptr<WatchTarget> target_of(std::function<void()> callback)
{
    return target_of([callback = std::move(callback)](int) { callback(); });
}

std::uint64_t microseconds(Instant instant)
{
    const auto since = std::chrono::ceil<std::chrono::microseconds>(instant.time_since_epoch());
    return static_cast<std::uint64_t>(std::max<std::int64_t>(since.count(), 0));
}

void block(int signal)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

void EventLoop::Release::operator()(sd_event* loop) const noexcept
{
    sd_event_unref(loop);
}

void EventLoop::Release::operator()(sd_event_source* source) const noexcept
{
    sd_event_source_disable_unref(source);
}

repair::Result<EventLoop> EventLoop::create()
{
    sd_event* loop = nullptr;
    if (const int result = sd_event_new(&loop); result < 0)
        return tl::unexpected(repair::system_error("making an event loop", -result));
    return EventLoop{loop};
}

repair::Result<EventLoop::Watch> EventLoop::Watch::made(int result, sd_event_source* source,
                                                        std::shared_ptr<WatchTarget> target, const char* doing)
{
    Watch watch;
    watch.target_ = std::move(target);
    watch.source_.reset(source);
    if (result < 0)
        return tl::unexpected(repair::system_error(doing, -result));
    return watch;
}

repair::Result<EventLoop::Watch> EventLoop::watch_readable(int descriptor, std::function<void()> callback)
{
    auto target = target_of(std::move(callback));
    sd_event_source* source = nullptr;
    const int result = sd_event_add_io(loop_.get(), &source, descriptor, EPOLLIN, on_readable, target.get());
    return Watch::made(result, source, std::move(target), "watching a descriptor");
}

repair::Result<EventLoop::Watch> EventLoop::watch_child(pid_t child, std::function<void(int)> callback)
{
    auto target = target_of(std::move(callback));
    sd_event_source* source = nullptr;
    int result = sd_event_add_child(loop_.get(), &source, child, WEXITED, on_child, target.get());
    if (result >= 0)
        result = sd_event_source_set_child_process_own(source, 1);
    return Watch::made(result, source, std::move(target), "watching a child process");
}

repair::Result<void> EventLoop::add_readable(int descriptor, std::function<void()> callback)
{
    return watch_readable(descriptor, std::move(callback)).map([&](Watch&& watch) {
        kept_.push_back(std::move(watch));
    });
}

repair::Result<void> EventLoop::add_signal(int signal, std::function<void()> callback)
{
    block(signal);
    auto target = target_of(std::move(callback));
    sd_event_source* source = nullptr;
    const int result = sd_event_add_signal(loop_.get(), &source, signal, on_signal, target.get());
    return Watch::made(result, source, std::move(target), "watching a signal").map([&](Watch&& watch) {
        kept_.push_back(std::move(watch));
    });
}

repair::Result<void> EventLoop::add_child(pid_t child, std::function<void(int)> callback)
{
    auto target = target_of(std::move(callback));
    sd_event_source* source = nullptr;
    const int result = sd_event_add_child(loop_.get(), &source, child, WEXITED, on_child, target.get());
    return Watch::made(result, source, std::move(target), "watching a child process").map([&](Watch&& watch) {
        kept_.push_back(std::move(watch));
    });
}

repair::Result<EventLoop::Timer> EventLoop::add_timer(std::function<void()> callback)
{
    auto target = target_of(std::move(callback));
    sd_event_source* source = nullptr;
    constexpr std::uint64_t accuracy = 1;  // µs; the default would gather timers within 250 ms
    int result = sd_event_add_time(loop_.get(), &source, CLOCK_MONOTONIC, 0, accuracy, on_time, target.get());
    if (result >= 0)
        result = sd_event_source_set_enabled(source, SD_EVENT_OFF);
    return Watch::made(result, source, std::move(target), "making a timer").map([&](Watch&& watch) {
        kept_.push_back(std::move(watch));
        return Timer{source};
    });
}

void EventLoop::Timer::set(std::optional<Instant> instant)
{
    if (instant)
        sd_event_source_set_time(source_, microseconds(*instant));
    sd_event_source_set_enabled(source_, instant ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

repair::Result<void> EventLoop::watch_watchdog()
{
    if (const int result = sd_event_set_watchdog(loop_.get(), 1); result < 0)
        return tl::unexpected(repair::system_error("watching for the watchdog", -result));
    return {};
}

repair::Result<int> EventLoop::run()
{
    while (sd_event_get_state(loop_.get()) != SD_EVENT_FINISHED) {
        if (const int result = sd_event_run(loop_.get(), forever); result < 0)
            return tl::unexpected(repair::system_error("running the event loop", -result));
        if (after_turn_)
            after_turn_();
    }
    int exit_code = 0;
    if (const int result = sd_event_get_exit_code(loop_.get(), &exit_code); result < 0)
        return tl::unexpected(repair::system_error("ending the event loop", -result));
    return exit_code;
}

void EventLoop::stop(int exit_code)
{
    sd_event_exit(loop_.get(), exit_code);
}

void block_child_signals()
{
    block(SIGCHLD);
}

}  // namespace chainkeeper::daemon
