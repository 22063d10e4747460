// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"

#include <memory>
#include <string>
#include <string_view>

struct sd_bus;
struct sd_bus_message;
struct sd_bus_slot;

namespace chainkeeper::daemon {

struct ReleaseBusObject {
    // Closes it without sending what is still queued, which could block.
    void operator()(sd_bus* bus) const noexcept;
    void operator()(sd_bus_message* message) const noexcept;
    void operator()(sd_bus_slot* slot) const noexcept;
};
using BusConnection = std::unique_ptr<sd_bus, ReleaseBusObject>;
using BusMessage = std::unique_ptr<sd_bus_message, ReleaseBusObject>;
// A match or a call that is under way: it ends with the slot.
using BusSlot = std::unique_ptr<sd_bus_slot, ReleaseBusObject>;

// Another reference.
BusMessage share(sd_bus_message& message);

// Of a function of sd-bus: `result` is a negative errno.
repair::Error bus_error(std::string_view doing, int result);
// Of an answer that is an error (or of a call that timed out, which sd-bus makes one).
repair::Error bus_error(std::string_view doing, sd_bus_message& reply);
// Of a message whose content is not what its name promises.
repair::Error malformed_message_error(std::string_view what, int result);

}  // namespace chainkeeper::daemon
