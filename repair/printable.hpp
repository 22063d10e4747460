// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace chainkeeper::repair {

// Fit for terminals, journals and JSON, whatever somebody called their program or wrote into a comment: control
// characters and what is not UTF-8 become question marks.
std::string printable(std::string_view text);

}  // namespace chainkeeper::repair
