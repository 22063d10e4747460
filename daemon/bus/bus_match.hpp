// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/bus/bus_object.hpp"

#include <functional>
#include <string>

namespace chainkeeper::daemon {

// Messages that are wanted.
class BusMatch {
public:
    // A message, good during the call alone. An error: the bus does not take the rule, and nothing will be heard.
    using Heard = std::function<void(repair::Result<sd_bus_message*> message)>;

    explicit BusMatch(Heard heard) : heard_{std::move(heard)} {}
    BusMatch(const BusMatch&) = delete;
    BusMatch& operator=(const BusMatch&) = delete;
    BusMatch(BusMatch&&) = delete;
    BusMatch& operator=(BusMatch&&) = delete;
    ~BusMatch() = default;

    // Does not wait for the bus, which takes messages in order: what is called after this is answered after the rule is
    // in place.
    repair::Result<void> install(sd_bus& bus, const std::string& rule);
    // All that comes in on this connection.
    repair::Result<void> install_filter(sd_bus& bus);
    // Nothing more will be heard. Also from within the callback.
    void cancel() { slot_.reset(); }

private:
    struct Callbacks;

    Heard heard_;
    BusSlot slot_;
};

}  // namespace chainkeeper::daemon
