// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/bus_pointers.hpp"

#include <systemd/sd-bus.h>

namespace chainkeeper::daemon {

void BusRelease::operator()(sd_bus* bus) const noexcept
{
    sd_bus_close_unref(bus);
}

void BusRelease::operator()(sd_bus_message* message) const noexcept
{
    sd_bus_message_unref(message);
}

void BusRelease::operator()(sd_bus_slot* slot) const noexcept
{
    sd_bus_slot_unref(slot);
}

MessagePointer share(sd_bus_message& message)
{
    return MessagePointer{sd_bus_message_ref(&message)};
}

}  // namespace chainkeeper::daemon
