// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/unit_properties.hpp"

#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <limits>
#include <systemd/sd-bus.h>

namespace chainkeeper::daemon {

namespace {

constexpr std::size_t invocation_bytes = 16;

// Each reads the content of a variant, and gives a negative errno for what is none of its kind.

int read_text(sd_bus_message& message, std::string& text)
{
    const char* read = nullptr;
    const int result = sd_bus_message_read(&message, "s", &read);
    if (result > 0)
        text = read;
    return result;
}

int read_number(sd_bus_message& message, std::uint32_t& number)
{
    return sd_bus_message_read(&message, "u", &number);
}

int read_instant(sd_bus_message& message, Instant& instant)
{
    std::uint64_t microseconds = 0;
    const int result = sd_bus_message_read(&message, "t", &microseconds);
    if (result < 0)
        return result;
    if (microseconds > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() / 1000))
        return -ERANGE;
    instant = Instant{std::chrono::microseconds{microseconds}};
    return result;
}

int read_invocation(sd_bus_message& message, std::string& invocation)
{
    const void* bytes = nullptr;
    std::size_t size = 0;
    const int result = sd_bus_message_read_array(&message, 'y', &bytes, &size);
    if (result < 0)
        return result;
    if (size != 0 && size != invocation_bytes)
        return -EBADMSG;
    const auto* const first = static_cast<const unsigned char*>(bytes);
    invocation = size == 0 ? "" : fmt::format("{:02x}", fmt::join(first, first + size, ""));
    return result;
}

struct Property {
    std::string_view name;
    const char* type;
    int (*read)(sd_bus_message& message, UnitProperties& properties);
};

constexpr std::array wanted{
    Property{"ActiveState", "s", [](auto& message, auto& into) { return read_text(message, into.active_state); }},
    Property{"InvocationID", "ay", [](auto& message, auto& into) { return read_invocation(message, into.invocation); }},
    Property{"ActiveEnterTimestampMonotonic", "t",
             [](auto& message, auto& into) { return read_instant(message, into.active_enter); }},
    Property{"ExecMainStartTimestampMonotonic", "t",
             [](auto& message, auto& into) { return read_instant(message, into.main_started); }},
    Property{"MainPID", "u", [](auto& message, auto& into) { return read_number(message, into.main_pid); }},
};

const Property* find_wanted(std::string_view name)
{
    for (const auto& property : wanted)
        if (property.name == name)
            return &property;
    return nullptr;
}

// {sv}, from its inside.
int read_property(sd_bus_message& message, UnitProperties& properties)
{
    const char* name = nullptr;
    int result = sd_bus_message_read(&message, "s", &name);
    if (result <= 0)
        return result < 0 ? result : -EBADMSG;
    const auto* const property = find_wanted(name);
    if (property == nullptr)
        return sd_bus_message_skip(&message, "v");
    result = sd_bus_message_enter_container(&message, SD_BUS_TYPE_VARIANT, property->type);
    if (result >= 0)
        result = property->read(message, properties);
    return result < 0 ? result : sd_bus_message_exit_container(&message);
}

int read_properties(sd_bus_message& message, UnitProperties& properties)
{
    int result = sd_bus_message_enter_container(&message, SD_BUS_TYPE_ARRAY, "{sv}");
    while (result >= 0) {
        result = sd_bus_message_enter_container(&message, SD_BUS_TYPE_DICT_ENTRY, "sv");
        if (result <= 0)
            return result;
        result = read_property(message, properties);
        if (result >= 0)
            result = sd_bus_message_exit_container(&message);
    }
    return result;
}

}  // namespace

repair::Result<UnitProperties> unit_properties_from(sd_bus_message& reply)
{
    constexpr std::string_view what = "systemd's list of a unit's properties";
    UnitProperties properties;
    if (const int result = read_properties(reply, properties); result < 0)
        return tl::unexpected(malformed_message_error(what, result));
    if (properties.active_state.empty())
        return tl::unexpected(malformed_message_error(what, -ENODATA));
    return properties;
}

std::optional<KubeletUnit> kubelet_unit_from(std::string_view name, const UnitProperties& properties,
                                             const std::optional<KubeletUnit>& before)
{
    const auto& state = properties.active_state;
    const bool active = state == "active" || state == "reloading" || state == "refreshing";
    if (properties.main_pid == 0 || (!active && state != "activating"))
        return std::nullopt;
    const bool known = before && before->name == name && before->invocation == properties.invocation;
    const auto since = active ? properties.active_enter : properties.main_started;
    return KubeletUnit{.name = std::string{name},
                       .invocation = properties.invocation,
                       .active_since = known ? before->active_since : since,
                       .main_pid = static_cast<pid_t>(properties.main_pid)};
}

}  // namespace chainkeeper::daemon
