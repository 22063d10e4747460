// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"

#include <filesystem>
#include <string_view>

namespace chainkeeper::daemon {

// Writes a file that somebody named on the command line: in one step, 0644. What is no regular file is refused: a
// device, a FIFO or a link would be replaced as well, and be gone.
repair::Result<void> write_output_file(const std::filesystem::path& path, std::string_view text);

}  // namespace chainkeeper::daemon
