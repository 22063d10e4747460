// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/clock.hpp"

#include <ctime>

namespace chainkeeper::daemon {

Instant SystemClock::now() const
{
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return Instant{std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec}};
}

}  // namespace chainkeeper::daemon
