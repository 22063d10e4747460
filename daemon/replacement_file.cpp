// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/replacement_file.hpp"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace chainkeeper::daemon {

namespace {

std::string writing(const std::filesystem::path& path)
{
    return fmt::format("writing {}", path.string());
}

// The lock ends with the process that has it, however it ends.
bool is_being_written(const std::filesystem::path& temporary)
{
    const FileDescriptor found{open(temporary.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    return found && flock(found.number(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace

repair::Error file_error(std::string_view doing, int error_number)
{
    return {repair::ErrorCode::failed,
            fmt::format("{} failed: {}", doing, std::generic_category().message(error_number))};
}

bool write_all(int descriptor, std::string_view text)
{
    while (!text.empty()) {
        const auto written = ::write(descriptor, text.data(), text.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

repair::Result<void> sync_directory(const std::filesystem::path& directory)
{
    const auto& path = directory.empty() ? std::filesystem::path{"."} : directory;
    const FileDescriptor opened{open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!opened || fsync(opened.number()) != 0)
        return tl::unexpected(file_error(writing(path), errno));
    return {};
}

repair::Result<ReplacementFile> ReplacementFile::begin(const std::filesystem::path& path, mode_t mode)
{
    auto temporary = path;
    temporary += ".new";
    if (is_being_written(temporary))
        return tl::unexpected(file_error(writing(path), EBUSY));
    // One that a crash left behind may be another user's.
    unlink(temporary.c_str());
    FileDescriptor file{open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)};
    // Whatever the umask.
    if (!file || flock(file.number(), LOCK_EX | LOCK_NB) != 0 || fchmod(file.number(), mode) != 0)
        return tl::unexpected(file_error(writing(path), errno));
    return ReplacementFile{path, std::move(temporary), std::move(file)};
}

ReplacementFile::ReplacementFile(std::filesystem::path path, std::filesystem::path temporary, FileDescriptor file)
    : path_{std::move(path)}, temporary_{std::move(temporary)}, file_{std::move(file)}
{
}

ReplacementFile::ReplacementFile(ReplacementFile&& other) noexcept
    : path_{std::move(other.path_)}, temporary_{std::exchange(other.temporary_, {})}, file_{std::move(other.file_)}
{
}

ReplacementFile::~ReplacementFile()
{
    if (!temporary_.empty())
        unlink(temporary_.c_str());
}

repair::Result<void> ReplacementFile::write(std::string_view text)
{
    if (!write_all(file_.number(), text))
        return tl::unexpected(error());
    return {};
}

repair::Result<void> ReplacementFile::finish()
{
    if (fsync(file_.number()) != 0)
        return tl::unexpected(error());
    return finish_unsynced().and_then([this] { return sync_directory(path_.parent_path()); });
}

repair::Result<void> ReplacementFile::finish_unsynced()
{
    if (rename(temporary_.c_str(), path_.c_str()) != 0)
        return tl::unexpected(error());
    temporary_.clear();
    return {};
}

repair::Error ReplacementFile::error() const
{
    return file_error(writing(path_), errno);
}

}  // namespace chainkeeper::daemon
