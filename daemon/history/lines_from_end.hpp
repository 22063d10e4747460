// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace chainkeeper::daemon {

// What is asked of the end of a file. A file that is longer than `most_bytes` has nothing before its last so many.
struct FromEnd {
    std::size_t most_lines;
    std::size_t most_bytes;
    std::size_t longest_line;  // a longer one is left out, as is what ends in no newline, or is no object of JSON
};

// The lines without their newlines, oldest first.
repair::Result<std::vector<std::string>> lines_from_end(int descriptor, const FromEnd& asked);

}  // namespace chainkeeper::daemon
