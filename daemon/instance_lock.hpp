// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/file_descriptor.hpp"
#include "repair/error.hpp"

#include <filesystem>

namespace chainkeeper::daemon {

// One daemon a runtime directory: holds flock(LOCK_EX) on `directory`/lock until it is destroyed or the process ends.
// The error names the process that holds it.
repair::Result<FileDescriptor> lock_instance(const std::filesystem::path& directory);

}  // namespace chainkeeper::daemon
