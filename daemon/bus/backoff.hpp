// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"

#include <algorithm>

namespace chainkeeper::daemon {

// How long to wait before the next attempt: twice as long after each failure. What lasted longer than the last wait was
// no failure, and the waits begin at the first again.
class Backoff {
public:
    struct Waits {
        Duration first = std::chrono::milliseconds{250};
        Duration longest = std::chrono::seconds{30};
    };
    explicit Backoff(Waits waits) : waits_{waits} {}

    // `lasted`: how long what was attempted then worked; 0 where it did not.
    Duration next(Duration lasted)
    {
        const bool worked = lasted > last_;
        last_ = worked || last_ == Duration::zero() ? waits_.first : std::min(last_ * 2, waits_.longest);
        return last_;
    }

private:
    Waits waits_;
    Duration last_{};
};

}  // namespace chainkeeper::daemon
