// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

struct sd_bus_message;

namespace chainkeeper::daemon {

// What a signal of the daemon's tells, for people and for programs.
struct WatchEvent {
    std::string text;     // "flush by iptables.service (iptables, pid 4711): 2 tables, 6 chains, 5 rules lost"
    nlohmann::json json;  // {"event": "flushed", …}
};

// Of Flushed, Decided, Repaired, and of those properties that are not told by one of them (State, Mode, Backend, Hold).
// None of any other message, and of one that makes no sense.
std::vector<WatchEvent> watch_events_of(sd_bus_message& signal);

}  // namespace chainkeeper::daemon
