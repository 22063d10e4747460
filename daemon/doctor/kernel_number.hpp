// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/root.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace chainkeeper::daemon::doctor {

// A number of digits of that base, with white space around it; nothing where it is anything else.
std::optional<std::uint64_t> number_of(std::string_view text, int base = 10);

// The number that a file of /proc/sys holds.
Found<std::uint64_t> kernel_number(const Root& root, const std::string& path);

}  // namespace chainkeeper::daemon::doctor
