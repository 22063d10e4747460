// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <csignal>

namespace chainkeeper::tests {

// SIGCHLD is blocked while this lives, which sd-event asks for; other tests do without.
class BlockedChildSignal {
public:
    BlockedChildSignal()
    {
        sigemptyset(&signals_);
        sigaddset(&signals_, SIGCHLD);
        sigprocmask(SIG_BLOCK, &signals_, nullptr);
    }
    BlockedChildSignal(const BlockedChildSignal&) = delete;
    BlockedChildSignal& operator=(const BlockedChildSignal&) = delete;
    BlockedChildSignal(BlockedChildSignal&&) = delete;
    BlockedChildSignal& operator=(BlockedChildSignal&&) = delete;
    ~BlockedChildSignal() { sigprocmask(SIG_UNBLOCK, &signals_, nullptr); }

private:
    sigset_t signals_{};
};

}  // namespace chainkeeper::tests
