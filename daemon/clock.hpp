// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/policy.hpp"

namespace chainkeeper::daemon {

using policies::Duration;
using policies::Instant;
using policies::WallTime;

class Clock {
public:
    Clock() = default;
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;
    Clock(Clock&&) = delete;
    Clock& operator=(Clock&&) = delete;
    virtual ~Clock() = default;

    // CLOCK_MONOTONIC: it stands still while the machine sleeps, and so do kubelet's own timers.
    [[nodiscard]] virtual Instant now() const = 0;
    // CLOCK_REALTIME.
    [[nodiscard]] virtual WallTime wall() const = 0;
    // As far as one can tell now.
    [[nodiscard]] WallTime wall_of(Instant instant) const { return wall() + (instant - now()); }
};

class SystemClock final : public Clock {
public:
    [[nodiscard]] Instant now() const override;
    [[nodiscard]] WallTime wall() const override;
};

}  // namespace chainkeeper::daemon
