// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/policy.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace chainkeeper::daemon {

// "2026-11-21T08:00:00.123456Z"; what is finer than a microsecond is cut off.
std::string utc_text(policies::WallTime time);

// RFC 3339 in UTC, with a capital T and Z: the seconds are whole, or have one to six digits after the point. Nothing
// for anything else, for a day that no calendar has, and for years before 1970 and after 2199.
std::optional<policies::WallTime> wall_time_from_utc(std::string_view text);

}  // namespace chainkeeper::daemon
