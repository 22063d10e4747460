// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/event_loop.hpp"
#include "tests/support/temporary_directory.hpp"

#include <functional>
#include <string>
#include <sys/types.h>

namespace chainkeeper::tests {

// A message bus for one test: a dbus-daemon that allows everything, always at the same address. Throws when it does not
// start.
class PrivateBus {
public:
    PrivateBus();
    PrivateBus(const PrivateBus&) = delete;
    PrivateBus& operator=(const PrivateBus&) = delete;
    PrivateBus(PrivateBus&&) = delete;
    PrivateBus& operator=(PrivateBus&&) = delete;
    ~PrivateBus();

    void start();
    void kill();
    [[nodiscard]] std::string address() const;

private:
    TemporaryDirectory directory_;
    pid_t daemon_ = 0;
};

// Lets the loop run until `condition` holds. Throws when that takes longer than anything here does.
void run_until(daemon::EventLoop& loop, const std::string& what, const std::function<bool()>& condition);
void run_for(daemon::EventLoop& loop, daemon::Duration duration);

}  // namespace chainkeeper::tests
