// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/bus_object.hpp"

#include <fmt/format.h>
#include <system_error>
#include <systemd/sd-bus.h>

namespace chainkeeper::daemon {

namespace {

std::string message_of(int result)
{
    return std::generic_category().message(-result);
}

}  // namespace

void ReleaseBusObject::operator()(sd_bus* bus) const noexcept
{
    sd_bus_close_unref(bus);
}

void ReleaseBusObject::operator()(sd_bus_message* message) const noexcept
{
    sd_bus_message_unref(message);
}

void ReleaseBusObject::operator()(sd_bus_slot* slot) const noexcept
{
    sd_bus_slot_unref(slot);
}

BusMessage share(sd_bus_message& message)
{
    return BusMessage{sd_bus_message_ref(&message)};
}

repair::Error bus_error(std::string_view doing, int result)
{
    return {repair::ErrorCode::failed, fmt::format("{} failed: {}", doing, message_of(result))};
}

repair::Error bus_error(std::string_view doing, sd_bus_message& reply)
{
    const auto* const error = sd_bus_message_get_error(&reply);
    const std::string_view why = error == nullptr            ? "no reason given"
                                 : error->message == nullptr ? error->name
                                                             : error->message;
    return {repair::ErrorCode::failed, fmt::format("{} failed: {}", doing, why)};
}

repair::Error malformed_message_error(std::string_view what, int result)
{
    return {repair::ErrorCode::protocol, fmt::format("{} makes no sense: {}", what, message_of(result))};
}

}  // namespace chainkeeper::daemon
