// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/command/screen.hpp"

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace chainkeeper::daemon {

// An entry of the history, which is JSON of this shape; what is missing is left out:
// {"at": "…Z", "boot": "…", "culprit": {"unit", "pid", "comm", "command_line", "ancestors": ["…"], "confidence"},
//  "lost": {"tables", "chains", "rules"}, "transactions": 13, "gaps": ["…"],
//  "families": [{"family", "decision", "findings": ["…"], "steps": 7, "outcome": "committed", "generation": 17,
//                "verified": true, "monitor", "source"}], "timeline": [{"us": 0, "event": "heard", "text": "…"}]}

// One line of the history. Nothing for what was torn when the machine went down, or is no entry.
std::optional<nlohmann::json> incident_from_line(const std::string& line);

// "flush by iptables.service (iptables, pid 4711): 2 tables, 6 chains, 5 rules lost in 13 transactions"
std::string flush_line(const nlohmann::json& incident);
// "ipv4: repair: assist, 7 steps, committed, verified"
std::string family_line(const nlohmann::json& family);

// All of it, under the time at which it happened.
void show_incident(Screen& screen, const nlohmann::json& incident, bool with_timeline);

}  // namespace chainkeeper::daemon
