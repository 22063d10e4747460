// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/backend.hpp"
#include "repair/error.hpp"
#include "repair/process/file_descriptor.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace chainkeeper::repair::legacy {

// Where iptables-legacy has its lock: $XTABLES_LOCKFILE, else /run/xtables.lock (iptables, xshared.c).
std::filesystem::path xtables_lock_file();

// The lock under which iptables-legacy reads and replaces its tables: flock(2) on a file. Never waits. The file is kept
// open, so that whoever watches it is not woken by us, and is made only when the lock is wanted.
class XtablesLock {
public:
    explicit XtablesLock(std::filesystem::path file = xtables_lock_file()) : file_{std::move(file)} {}

    // Held until it is destroyed.
    class Hold {
    public:
        explicit Hold(int descriptor) : descriptor_{descriptor} {}
        Hold(Hold&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
        Hold& operator=(Hold&&) = delete;
        Hold(const Hold&) = delete;
        Hold& operator=(const Hold&) = delete;
        ~Hold();

    private:
        int descriptor_;
    };
    // Nothing where somebody else holds it.
    Result<std::optional<Hold>> try_lock();

    [[nodiscard]] const std::filesystem::path& file() const { return file_; }

private:
    Result<void> open_file();

    std::filesystem::path file_;
    FileDescriptor opened_;
};

// Of a commit that did not get the lock: who has it, where that is known.
Outcome locked_out(const XtablesLock& lock);

// Who has the flock on `file` now, and behind them who waits for it; empty where nobody has, and where /proc/locks
// cannot be read.
std::vector<pid_t> users_of_lock(const std::filesystem::path& file);

// The file as /proc/locks names it: "00:19:4711" (fs/locks.c, lock_get_status).
struct LockedFile {
    unsigned major = 0;
    unsigned minor = 0;
    std::uint64_t inode = 0;
};
// Nothing where there is no such file.
std::optional<LockedFile> identity_of(const std::filesystem::path& file);

// One who has the lock, or waits for it: who took it, who may have ended since and left it to another process. 0 where
// the kernel names nobody. Who is in another PID namespace, and has no number in this one, is not shown at all.
struct LockUser {
    pid_t pid = 0;
    bool waits = false;
    bool operator==(const LockUser&) const = default;
};
std::vector<LockUser> lock_users_in(std::string_view proc_locks, const LockedFile& file);

// The same of the text of /proc/locks: those that have a number here.
std::vector<pid_t> users_in(std::string_view proc_locks, const LockedFile& file);

}  // namespace chainkeeper::repair::legacy
