// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>

struct sd_bus;
struct sd_bus_message;
struct sd_bus_slot;

namespace chainkeeper::daemon {

// Gives back one reference of sd-bus's.
struct BusRelease {
    void operator()(sd_bus* bus) const noexcept;  // and closes it, without waiting for what is queued
    void operator()(sd_bus_message* message) const noexcept;
    void operator()(sd_bus_slot* slot) const noexcept;
};
using BusPointer = std::unique_ptr<sd_bus, BusRelease>;
using MessagePointer = std::unique_ptr<sd_bus_message, BusRelease>;
using SlotPointer = std::unique_ptr<sd_bus_slot, BusRelease>;

// Another reference.
MessagePointer share(sd_bus_message& message);

}  // namespace chainkeeper::daemon
