// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>

namespace chainkeeper::daemon {

// Cut to `most` characters, and with a question mark for whatever is not printable ASCII: fit for journals and JSON,
// whoever named the file or wrote the line.
std::string printable(std::string text, std::size_t most);

}  // namespace chainkeeper::daemon
