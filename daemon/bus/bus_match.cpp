// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/bus_match.hpp"

#include <systemd/sd-bus.h>

namespace chainkeeper::daemon {

namespace {

constexpr std::string_view installing = "asking the bus for signals";

}  // namespace

struct BusMatch::Callbacks {
    static int heard(sd_bus_message* message, void* self, sd_bus_error* /*error*/) noexcept
    {
        static_cast<BusMatch*>(self)->heard_(message);
        return 0;  // others may want it too
    }

    // Without a callback of ours sd-bus would close the connection when the bus refuses.
    static int installed(sd_bus_message* reply, void* self, sd_bus_error* /*error*/) noexcept
    {
        if (sd_bus_message_is_method_error(reply, nullptr) > 0)
            static_cast<BusMatch*>(self)->heard_(tl::unexpected(bus_error(installing, *reply)));
        return 1;
    }
};

repair::Result<void> BusMatch::install(sd_bus& bus, const std::string& rule)
{
    sd_bus_slot* slot = nullptr;
    const int result = sd_bus_add_match_async(&bus, &slot, rule.c_str(), Callbacks::heard, Callbacks::installed, this);
    slot_.reset(slot);
    if (result < 0)
        return tl::unexpected(bus_error(installing, result));
    return {};
}

repair::Result<void> BusMatch::install_filter(sd_bus& bus)
{
    sd_bus_slot* slot = nullptr;
    const int result = sd_bus_add_filter(&bus, &slot, Callbacks::heard, this);
    slot_.reset(slot);
    if (result < 0)
        return tl::unexpected(bus_error("hearing the bus", result));
    return {};
}

}  // namespace chainkeeper::daemon
