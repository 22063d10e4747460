// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/hold.hpp"
#include "daemon/status.hpp"
#include "repair/error.hpp"

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <sys/types.h>
#include <vector>

namespace chainkeeper::daemon {

// What the bus asks of the daemon. None of it blocks for longer than a look and a commit.
struct Requests {
    // What is so now, from a fresh look that writes nothing.
    std::function<Status()> check;
    // The same without a look: what the last one found. Of no family before the first.
    std::function<Status()> status;
    // What a repair would write now, with everything that the policy allows: plan_json() of daemon/looked.hpp.
    std::function<nlohmann::json()> plan;
    // A look by the daemon's own table, at once; `dry_run` writes nothing whatever the table says: repair_json().
    std::function<nlohmann::json(bool dry_run)> repair;
    // Somebody knows that something happened: look again when the ruleset has settled.
    std::function<void(const std::string& reason)> recheck;
    // Replaces the hold that there is. An error when it cannot be kept over a restart.
    std::function<repair::Result<void>(Hold hold)> hold;
    // False: there was none.
    std::function<repair::Result<bool>(const std::string& released_by)> release;
    // The error is that of the policy file; the old policy stays.
    std::function<repair::Result<void>()> reload;
    // The newest entries of the history, oldest first, each a line of JSON.
    std::function<repair::Result<std::vector<std::string>>(unsigned most)> history;
};

}  // namespace chainkeeper::daemon
