// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/restore/xtables_lock.hpp"

#include "repair/process/file_descriptor.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <system_error>
#include <utility>

namespace chainkeeper::repair {

namespace {

// What this process holds, and for how many.
struct Held {
    FileDescriptor file;
    unsigned holders = 0;
};

Held& held()
{
    static Held held;
    return held;
}

const char* lock_file()
{
    const char* const name = std::getenv("XTABLES_LOCKFILE");
    return name == nullptr || *name == '\0' ? "/run/xtables.lock" : name;
}

// Needs root, or a file that was made for us: not a capability.
Error unopened(int error_number)
{
    return {error_number == EACCES ? ErrorCode::denied : ErrorCode::failed,
            fmt::format("opening {} failed: {}", lock_file(), std::generic_category().message(error_number))};
}

// flock has no deadline of its own. Others hold the lock for milliseconds.
bool lock_within(const FileDescriptor& file, std::chrono::nanoseconds patience)
{
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (flock(file.number(), LOCK_EX | LOCK_NB) != 0) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || std::chrono::steady_clock::now() >= deadline)
            return false;
        poll(nullptr, 0, 1);
    }
    return true;
}

}  // namespace

Result<XtablesLock> XtablesLock::take(std::chrono::nanoseconds patience)
{
    if (held().holders == 0) {
        FileDescriptor file{open(lock_file(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600)};
        if (!file)
            return tl::unexpected(unopened(errno));
        if (!lock_within(file, patience))
            return tl::unexpected(
                Error{ErrorCode::failed, fmt::format("somebody else holds the xtables lock ({})", lock_file())});
        held().file = std::move(file);
    }
    ++held().holders;
    return XtablesLock{};
}

XtablesLock::XtablesLock(XtablesLock&& other) noexcept : counts_{std::exchange(other.counts_, false)} {}

XtablesLock& XtablesLock::operator=(XtablesLock&& other) noexcept
{
    std::swap(counts_, other.counts_);
    return *this;
}

XtablesLock::~XtablesLock()
{
    if (counts_ && --held().holders == 0)
        held().file.reset();
}

}  // namespace chainkeeper::repair
