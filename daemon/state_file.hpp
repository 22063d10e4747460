// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"

#include <filesystem>
#include <string_view>

namespace chainkeeper::daemon {

// Replaces `path` in one step: a reader, a crash of this program or a loss of power meets the old text or the new one.
// Its directory must exist. It is on the disk when this returns.
repair::Result<void> write_state_file(const std::filesystem::path& path, std::string_view text);

// $STATE_DIRECTORY and $RUNTIME_DIRECTORY as systemd sets them, else the usual places.
std::filesystem::path state_directory();
std::filesystem::path runtime_directory();
// Makes it (mode 0755) where it does not exist.
repair::Result<void> make_directory(const std::filesystem::path& path);

}  // namespace chainkeeper::daemon
