// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/policy.hpp"

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

// {"set_at": "2026-11-21T08:00:00Z", "until": …, "reason": …, "stop": false, "uid": 0, "login": "alice"}
std::string to_json(const Hold& hold);
// Nothing for what to_json() never wrote.
std::optional<Hold> hold_from_json(std::string_view text);

}  // namespace chainkeeper::daemon
