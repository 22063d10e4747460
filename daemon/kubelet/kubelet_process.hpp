// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <sys/types.h>

namespace chainkeeper::daemon {

// The process that is kubelet: its unit's main process, or, for k0s and rke2, the child of that one that is called
// kubelet. They start it some time after their unit is active: until then it is the main process (`proc` is "/proc" but
// in tests).
pid_t kubelet_process(const std::filesystem::path& proc, pid_t main_process);

// A unit's main process is known before it executes its program. Until then it is systemd's own, whose name is in
// parentheses ("(kubelet)": rename_process() in systemd's exec_child()), and its command line is nobody's.
bool has_executed(const std::filesystem::path& proc, pid_t process);

}  // namespace chainkeeper::daemon
