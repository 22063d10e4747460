// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/rehearse/network_namespace.hpp"

#include "daemon/file_descriptor.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <system_error>
#include <unistd.h>

namespace chainkeeper::daemon {

namespace {

repair::Error refused(std::string_view doing, int error_number)
{
    return {repair::ErrorCode::denied, fmt::format("{} failed: {} (run the rehearsal as root)", doing,
                                                   std::generic_category().message(error_number))};
}

// The files of /proc/self that describe a user namespace take one write each.
repair::Result<void> write_proc(const char* path, const std::string& text)
{
    const FileDescriptor file{open(path, O_WRONLY | O_CLOEXEC)};
    if (!file || write(file.number(), text.data(), text.size()) < 0)
        return tl::unexpected(refused(fmt::format("writing {}", path), errno));
    return {};
}

// mount(2): only the propagation of a mount can be changed.
repair::Error root_is_no_mount()
{
    return {repair::ErrorCode::failed,
            "the root folder here is no mount point (a chroot?), so what is mounted for the "
            "rehearsal would be seen outside: `mount --bind ROOT ROOT`, then enter it again"};
}

}  // namespace

repair::Result<void> become_root_somewhere()
{
    const auto user = geteuid();
    const auto group = getegid();
    if (user == 0)
        return {};
    if (unshare(CLONE_NEWUSER) != 0)
        return tl::unexpected(refused("making a user namespace", errno));
    return write_proc("/proc/self/setgroups", "deny")
        .and_then([&] { return write_proc("/proc/self/uid_map", fmt::format("0 {} 1", user)); })
        .and_then([&] { return write_proc("/proc/self/gid_map", fmt::format("0 {} 1", group)); });
}

repair::Result<void> cover_run()
{
    if (unshare(CLONE_NEWNS) != 0)
        return tl::unexpected(refused("making a mount namespace", errno));
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return tl::unexpected(errno == EINVAL ? root_is_no_mount() : refused("keeping mounts to ourselves", errno));
    if (mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, nullptr) != 0)
        return tl::unexpected(refused("covering /run", errno));
    return {};
}

repair::Result<void> enter_new_network_namespace()
{
    if (unshare(CLONE_NEWNET) != 0)
        return tl::unexpected(refused("making a network namespace", errno));
    return {};
}

}  // namespace chainkeeper::daemon
