// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace chainkeeper::daemon::doctor {

// Of more than so many only the first are named.
inline constexpr std::size_t short_list_length = 5;

// "a, b, c"; "a, b, c, d, e and 7 more"
std::string short_list(const std::vector<std::string>& names);

}  // namespace chainkeeper::daemon::doctor
