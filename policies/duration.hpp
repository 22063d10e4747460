// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/policy.hpp"

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace chainkeeper::policies {

// "250ms", "10s", "1m", "2h": a whole number and one unit. The error is a sentence that says how to write it.
tl::expected<Duration, std::string> duration_from_string(std::string_view text);

// In the largest unit that needs no fraction of it, as duration_from_string() reads it: "90s", "2h", "0s". What is
// finer than a millisecond is cut off.
std::string to_string(Duration duration);

}  // namespace chainkeeper::policies
