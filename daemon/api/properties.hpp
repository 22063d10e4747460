// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/status.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::daemon {

// One word for the whole node: the first of these that is so.
enum class State : std::uint8_t {
    unknown,   // nothing was looked at yet
    refused,   // something is missing in a family, and the decision table refuses to mend it
    findings,  // something is not as kubelet made it
    waiting,   // that, and in every such family the daemon waits for something that ends by itself
    healthy,   // everything is there
};
std::string_view to_string(State state);
State state_of(const Status& status);

// What the bus shows as properties.
struct Properties {
    State state = State::unknown;
    std::map<std::string, std::string> decision;  // "ipv4" → "repair: assist"
    std::string backend;                          // "nft", "legacy"; empty where it is not known
    std::string mode;
    std::map<std::string, std::string> kubelet_monitor;  // "ipv4" → "alive"
    struct LastRepair {
        std::uint64_t at = 0;  // µs since the epoch; 0: none
        std::string family;
        std::string decision;
        bool operator==(const LastRepair&) const = default;
    } last_repair;
    struct Held {
        std::uint64_t until = 0;  // µs since the epoch; 0: not held
        std::string reason;
        bool stop = false;
        std::string login;
        bool operator==(const Held&) const = default;
    } hold;
    bool operator==(const Properties&) const = default;
};

Properties properties_of(const Status& status);

// The names, on the bus, of those that differ.
std::vector<std::string> changed_names(const Properties& before, const Properties& after);

}  // namespace chainkeeper::daemon
