// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"

namespace chainkeeper::daemon {

// Moves this process, for good, to where it may do as it likes: as root nothing has to be done; a plain user gets a
// user namespace in which they are root, where the kernel allows one. Before any thread is started.
repair::Result<void> become_root_somewhere();

// Covers /run with an empty one that this process and its children alone see: the xtables lock is there, and what locks
// it would keep the node's own iptables-legacy waiting.
repair::Result<void> cover_run();

// Moves this process into a new network namespace that nobody else sees; it is gone with the last process in it.
repair::Result<void> enter_new_network_namespace();

}  // namespace chainkeeper::daemon
