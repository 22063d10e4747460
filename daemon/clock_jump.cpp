// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/clock_jump.hpp"

#include <cerrno>
#include <limits>
#include <sys/timerfd.h>

namespace chainkeeper::daemon {

repair::Result<ClockJump> ClockJump::watch()
{
    FileDescriptor timer{timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK)};
    if (!timer)
        return tl::unexpected(repair::system_error("watching the clock", errno));
    ClockJump jump{std::move(timer)};
    return jump.rearm().map([&] { return std::move(jump); });
}

repair::Result<void> ClockJump::rearm() const
{
    const itimerspec never{.it_interval = {}, .it_value = {.tv_sec = std::numeric_limits<time_t>::max(), .tv_nsec = 0}};
    constexpr int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
    // ECANCELED: the clock was set in between, and the timer is armed all the same.
    if (timerfd_settime(timer_.number(), flags, &never, nullptr) != 0 && errno != ECANCELED)
        return tl::unexpected(repair::system_error("watching the clock", errno));
    return {};
}

}  // namespace chainkeeper::daemon
