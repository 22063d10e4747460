// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/event_loop.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>

namespace chainkeeper::daemon {

namespace {

using Callback = std::function<void(int)>;

// sd-event's own callbacks are C: nothing may be thrown through them, so what is thrown ends the program.
int call(void* callback_pointer, int argument) noexcept
{
    (*static_cast<Callback*>(callback_pointer))(argument);
    return 0;
}

int on_readable(sd_event_source* /*source*/, int /*descriptor*/, std::uint32_t /*events*/, void* callback) noexcept
{
    return call(callback, 0);
}

int on_signal(sd_event_source* /*source*/, const signalfd_siginfo* /*info*/, void* callback) noexcept
{
    return call(callback, 0);
}

int on_time(sd_event_source* /*source*/, std::uint64_t /*time*/, void* callback) noexcept
{
    return call(callback, 0);
}

int on_child(sd_event_source* /*source*/, const siginfo_t* info, void* callback) noexcept
{
    const int status = info->si_code == CLD_EXITED ? info->si_status << 8 : info->si_status;
    return call(callback, status);
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

repair::Result<sd_event_source*> EventLoop::keep(int result, sd_event_source* source, const char* doing)
{
    if (result < 0)
        return tl::unexpected(repair::system_error(doing, -result));
    sources_.emplace_back(source);
    return source;
}

repair::Result<void> EventLoop::add_readable(int descriptor, std::function<void()> callback)
{
    auto& kept = callbacks_.emplace_back([callback = std::move(callback)](int) { callback(); });
    sd_event_source* source = nullptr;
    const int result = sd_event_add_io(loop_.get(), &source, descriptor, EPOLLIN, on_readable, &kept);
    return keep(result, source, "watching a descriptor").map([](auto*) {});
}

repair::Result<void> EventLoop::add_signal(int signal, std::function<void()> callback)
{
    block(signal);
    auto& kept = callbacks_.emplace_back([callback = std::move(callback)](int) { callback(); });
    sd_event_source* source = nullptr;
    const int result = sd_event_add_signal(loop_.get(), &source, signal, on_signal, &kept);
    return keep(result, source, "watching a signal").map([](auto*) {});
}

repair::Result<void> EventLoop::add_child(pid_t child, std::function<void(int)> callback)
{
    auto& kept = callbacks_.emplace_back(std::move(callback));
    sd_event_source* source = nullptr;
    const int result = sd_event_add_child(loop_.get(), &source, child, WEXITED, on_child, &kept);
    return keep(result, source, "watching a child process").map([](auto*) {});
}

repair::Result<EventLoop::Timer> EventLoop::add_timer(std::function<void()> callback)
{
    auto& kept = callbacks_.emplace_back([callback = std::move(callback)](int) { callback(); });
    sd_event_source* source = nullptr;
    constexpr std::uint64_t accuracy = 1;  // µs; the default would gather timers within 250 ms
    int result = sd_event_add_time(loop_.get(), &source, CLOCK_MONOTONIC, 0, accuracy, on_time, &kept);
    if (result >= 0)
        result = sd_event_source_set_enabled(source, SD_EVENT_OFF);
    return keep(result, source, "making a timer").map([](auto* timer) { return Timer{timer}; });
}

void EventLoop::Timer::set(std::optional<Instant> instant)
{
    if (instant)
        sd_event_source_set_time(source_, microseconds(*instant));
    sd_event_source_set_enabled(source_, instant ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

repair::Result<int> EventLoop::run()
{
    const int result = sd_event_loop(loop_.get());
    if (result < 0)
        return tl::unexpected(repair::system_error("running the event loop", -result));
    return result;
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
