// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/legacy/lock.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

// What /proc says of the processes that hold a lock.
namespace chainkeeper::daemon::doctor {

struct LockHolder {
    std::string text;                         // "4711 (iptables-restor, of kube-proxy.service)"
    std::string unit;                         // empty where it is not known
    std::optional<std::chrono::seconds> age;  // of the process, so of the lock at most
};

// Of who took it; of those who have it still, where that process has ended.
LockHolder lock_holder(pid_t pid, const std::filesystem::path& file, const std::vector<pid_t>& waiters);

// "4711 (flock, of cron.service)"; of a process that is gone: "4711".
std::string process_text(pid_t pid);

// The 22nd word of the text of /proc/PID/stat: when it started, in clock ticks since the kernel did.
std::optional<unsigned long long> start_ticks(std::string_view stat);

}  // namespace chainkeeper::daemon::doctor
