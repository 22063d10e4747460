// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/policy.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace chainkeeper::daemon {

// An operator asked that nothing be written for a while.
struct Hold {
    policies::WallTime set_at;
    policies::WallTime until;
    std::string reason;
    bool stop = false;  // do not even plan
    uid_t uid = 0;
    std::string login;  // of who set it: the login name where there is one, else the user's name

    bool operator==(const Hold&) const = default;
};

// A hold that is longer has been forgotten: a month covers the longest freeze, and what is for ever is `mode = "off"`.
inline constexpr policies::Duration longest_hold = std::chrono::days{31};
inline constexpr std::size_t longest_hold_text = 256;  // bytes

// Fit for a reason or a login: not empty, at most that long, UTF-8 without control characters.
bool is_hold_text(std::string_view text);
inline constexpr std::string_view hold_text_rule = "a reason has 1 to 256 bytes of text, and no control characters";

// {"set_at": "2026-11-21T08:00:00.000000Z", "until": …, "reason": …, "stop": false, "uid": 0, "login": "alice"}; times
// are cut to microseconds.
std::string to_json(const Hold& hold);
// Nothing for what is no such object, with these keys and no other; for a hold that ends before it begins or lasts
// longer than longest_hold; and for a reason or a login that is no hold text.
std::optional<Hold> hold_from_json(std::string_view text);

}  // namespace chainkeeper::daemon
