// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/api/authorisation.hpp"
#include "daemon/api/requests.hpp"
#include "daemon/burst.hpp"
#include "daemon/clock.hpp"
#include "policies/decide.hpp"
#include "repair/error.hpp"

#include <functional>
#include <memory>
#include <string>

struct sd_bus;

namespace chainkeeper::daemon {

// The daemon on the system bus: the object /org/chainkeeper1 with the interface org.chainkeeper1, and the name
// org.chainkeeper1. Everybody may read and check; what changes anything, or makes the daemon do so, needs leave
// (daemon/api/authorisation.hpp). See interface.cpp for the methods, properties and signals.
class BusObject {
public:
    struct Parts {
        Requests requests;
        const Clock& clock;
        // Something of the bus does not work; the daemon does without.
        std::function<void(const std::string& sentence)> trouble;
        std::function<void(const std::string& sentence)> notice;  // that a trouble is over
        Authorisation::Limits limits{};
    };

    explicit BusObject(Parts parts);
    BusObject(const BusObject&) = delete;
    BusObject& operator=(const BusObject&) = delete;
    BusObject(BusObject&&) = delete;
    BusObject& operator=(BusObject&&) = delete;
    ~BusObject();

    // Serves the bus, which is connected, until detach(); asks for the name, and says later where that cannot be had.
    repair::Result<void> attach(sd_bus& bus);
    // Before the connection is given up. Calls that wait for leave are forgotten.
    void detach();

    // To whoever listens; nothing while there is no bus.
    void emit_flushed(const Burst& burst);
    void emit_decided(repair::Family family, const policies::Decision& decision);
    void emit_repaired(repair::Family family, const policies::Decision& decision, std::size_t steps, bool verified);
    // Takes over what Requests::status says now, and tells what of it is new. To be called after each look, and
    // whenever a hold, a change window or the policy has changed: what the bus shows as properties is of the last call.
    void emit_properties_changed();

private:
    struct Connection;

    Parts parts_;
    std::unique_ptr<Connection> connection_;
};

}  // namespace chainkeeper::daemon
