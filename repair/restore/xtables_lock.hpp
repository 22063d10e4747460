// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"

#include <chrono>

namespace chainkeeper::repair {

// The lock that keeps two programs from writing legacy tables at the same time: flock(2) on $XTABLES_LOCKFILE, else on
// /run/xtables.lock (iptables/xshared.c, xtables_lock). A process holds it once: whatever asks for it while something
// of the same process has it goes on at once. One thread.
class XtablesLock {
public:
    // Waits for no longer than `patience`. Blocks.
    static Result<XtablesLock> take(std::chrono::nanoseconds patience);

    XtablesLock(XtablesLock&& other) noexcept;
    XtablesLock& operator=(XtablesLock&& other) noexcept;
    XtablesLock(const XtablesLock&) = delete;
    XtablesLock& operator=(const XtablesLock&) = delete;
    ~XtablesLock();

private:
    XtablesLock() = default;

    bool counts_ = true;
};

}  // namespace chainkeeper::repair
