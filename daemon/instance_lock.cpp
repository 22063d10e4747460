// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/instance_lock.hpp"

#include "policies/text_file.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chainkeeper::daemon {

namespace {

repair::Error held_by_another(const std::filesystem::path& path)
{
    const auto pid = policies::read_text_file(path).value_or("?\n");
    return {repair::ErrorCode::failed,
            fmt::format("another chainkeeper (pid {}) holds {}", pid.substr(0, pid.find('\n')), path.string())};
}

}  // namespace

repair::Result<FileDescriptor> lock_instance(const std::filesystem::path& directory)
{
    const auto path = directory / "lock";
    FileDescriptor file{
        open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH)};
    if (!file)
        return tl::unexpected(repair::system_error(fmt::format("opening {}", path.string()), errno));
    if (flock(file.number(), LOCK_EX | LOCK_NB) != 0)
        return tl::unexpected(errno == EWOULDBLOCK
                                  ? held_by_another(path)
                                  : repair::system_error(fmt::format("locking {}", path.string()), errno));
    // For the message of whoever comes second, who has to do without on a full disk.
    const auto pid = fmt::format("{}\n", getpid());
    if (ftruncate(file.number(), 0) == 0)
        static_cast<void>(!write(file.number(), pid.data(), pid.size()));
    return file;
}

}  // namespace chainkeeper::daemon
