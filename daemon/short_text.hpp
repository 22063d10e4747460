// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace chainkeeper::daemon {

// `text` without control characters (repair::printable), in `most` bytes at the most: what is beyond is cut off between
// two characters, and "…" stands for it.
std::string short_text(std::string_view text, std::size_t most);

}  // namespace chainkeeper::daemon
