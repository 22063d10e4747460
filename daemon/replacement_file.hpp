// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/file_descriptor.hpp"
#include "repair/error.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace chainkeeper::daemon {

// "writing … failed: No space left on device"; of files, for which repair::system_error would ask for CAP_NET_ADMIN.
repair::Error file_error(std::string_view doing, int error_number);

// False: see errno. Some of it may have been written.
bool write_all(int descriptor, std::string_view text);

// Writes down that the directory holds what was made in it, or renamed.
repair::Result<void> sync_directory(const std::filesystem::path& directory);

// A file that takes the place of another in one step, when all of it is on the disk: a reader, a crash of this program
// or a loss of power meets the old one or the new one. One that was not finished leaves nothing behind. Of two that are
// written at the same time, the second is refused.
class ReplacementFile {
public:
    static repair::Result<ReplacementFile> begin(const std::filesystem::path& path, mode_t mode);
    ~ReplacementFile();
    ReplacementFile(ReplacementFile&& other) noexcept;
    ReplacementFile& operator=(ReplacementFile&&) = delete;
    ReplacementFile(const ReplacementFile&) = delete;
    ReplacementFile& operator=(const ReplacementFile&) = delete;

    repair::Result<void> write(std::string_view text);
    repair::Result<void> finish();
    // The same without waiting for the disk: after a loss of power it may be the old one, or empty.
    repair::Result<void> finish_unsynced();

private:
    ReplacementFile(std::filesystem::path path, std::filesystem::path temporary, FileDescriptor file);
    [[nodiscard]] repair::Error error() const;

    std::filesystem::path path_;
    std::filesystem::path temporary_;  // empty when it is finished
    FileDescriptor file_;
};

}  // namespace chainkeeper::daemon
