// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/policy.hpp"

#include <optional>
#include <vector>

// When the change windows of a policy are open. A window opens on each of its weekdays at its start, by the clock on
// the wall of its time zone, and closes when its duration has passed: the clock may be put forward or back meanwhile. A
// start that does not exist on a day is the first instant after the gap, one that exists twice is the first of the two.
// Windows that overlap or touch are one.
//
// The policy file refuses zones that are not known; if one is no longer, its windows are taken for UTC.
namespace chainkeeper::policies {

// No window is longer.
inline constexpr Duration longest_change_window = std::chrono::hours{7 * 24};

// When it closes, if a window is open at `now`. Windows that leave no gap would never close: the answer is not more
// than 30 days ahead, and whoever asks again then is told how it goes on.
std::optional<WallTime> open_until(const std::vector<ChangeWindow>& windows, WallTime now);

// When one opens next, which is after those that are open at `now` have closed. Nothing where there is none in the next
// two weeks: there are no windows, or they leave no gap.
std::optional<WallTime> opens_next(const std::vector<ChangeWindow>& windows, WallTime now);

}  // namespace chainkeeper::policies
