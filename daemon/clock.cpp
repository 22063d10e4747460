// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/clock.hpp"

#include <ctime>

namespace chainkeeper::daemon {

namespace {

Duration read(clockid_t clock)
{
    timespec now{};
    clock_gettime(clock, &now);
    return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

}  // namespace

Instant SystemClock::now() const
{
    return Instant{read(CLOCK_MONOTONIC)};
}

WallTime SystemClock::wall() const
{
    return WallTime{read(CLOCK_REALTIME)};
}

}  // namespace chainkeeper::daemon
