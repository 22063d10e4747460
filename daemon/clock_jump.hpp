// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/file_descriptor.hpp"
#include "repair/error.hpp"

namespace chainkeeper::daemon {

// Tells when the wall clock was set, or the machine came back from sleep: then nobody knows what was missed. A timerfd
// that never expires, armed with TFD_TIMER_CANCEL_ON_SET (timerfd_create(2)); it wakes nobody otherwise.
class ClockJump {
public:
    static repair::Result<ClockJump> watch();

    // Readable after a jump.
    [[nodiscard]] int descriptor() const { return timer_.number(); }
    // Waits for the next one.
    repair::Result<void> rearm() const;

private:
    explicit ClockJump(FileDescriptor timer) : timer_{std::move(timer)} {}
    FileDescriptor timer_;
};

}  // namespace chainkeeper::daemon
