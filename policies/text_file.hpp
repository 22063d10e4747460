// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <tl/expected.hpp>

namespace chainkeeper::policies {

// Far more than a policy needs, and little enough to read on the loop's thread.
inline constexpr std::size_t largest_text_file = std::size_t{1} << 20U;

// All of a regular file. Never waits, whatever `path` leads to. The error is a sentence that begins with the path.
tl::expected<std::string, std::string> read_text_file(const std::filesystem::path& path);

// To its end, for which it waits.
tl::expected<std::string, std::string> read_standard_input();

}  // namespace chainkeeper::policies
