// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/rehearse/rehearsal.hpp"

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace chainkeeper::daemon {

// What happened, a line an event, in microseconds since the first command of the scenario was started.
std::string timeline_text(const Rehearsed& rehearsed);

// {"scenario": "…", "healed": true, "timeline": [{"us": 2103, "event": "heard", "text": "…"}, …],
//  "culprit": {"comm": "nft", "pid": 4711}, "checks": [{"command": "…", "exit_code": 0}, …], "failures": []}
nlohmann::json timeline_json(const Rehearsed& rehearsed);

}  // namespace chainkeeper::daemon
