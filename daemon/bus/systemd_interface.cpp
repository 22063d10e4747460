// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/systemd_interface.hpp"

#include <fmt/format.h>

namespace chainkeeper::daemon {

namespace {

constexpr const char* systemd = "org.freedesktop.systemd1";
constexpr const char* manager_path = "/org/freedesktop/systemd1";
constexpr const char* manager = "org.freedesktop.systemd1.Manager";
constexpr const char* properties = "org.freedesktop.DBus.Properties";

RepeatedCall::Method manager_method(const char* member)
{
    return {.destination = systemd, .path = manager_path, .interface = manager, .member = member};
}

// `which` narrows it down.
std::string manager_rule(std::string_view which)
{
    return fmt::format("type='signal',sender='{}',path='{}',interface='{}',{}", systemd, manager_path, manager, which);
}

}  // namespace

RepeatedCall::Method get_systemd_owner()
{
    return {.destination = std::string{message_bus_name},
            .path = "/org/freedesktop/DBus",
            .interface = std::string{message_bus_name},
            .member = "GetNameOwner",
            .argument = systemd};
}

// A connection that has subscribed stays so when systemd starts itself anew.
RepeatedCall::Method subscribe_to_systemd()
{
    auto method = manager_method("Subscribe");
    method.harmless_error = "org.freedesktop.systemd1.AlreadySubscribed";
    return method;
}

RepeatedCall::Method list_jobs()
{
    return manager_method("ListJobs");
}

RepeatedCall::Method get_unit_properties(const std::string& path)
{
    return {.destination = systemd, .path = path, .interface = properties, .member = "GetAll", .argument = ""};
}

std::string owner_changed_rule()
{
    return fmt::format("type='signal',sender='{0}',path='/org/freedesktop/DBus',interface='{0}',"
                       "member='NameOwnerChanged',arg0='{1}'",
                       message_bus_name, systemd);
}

std::string reloading_rule()
{
    return manager_rule("member='Reloading'");
}

std::string jobs_rule(const std::string& unit)
{
    return manager_rule(fmt::format("arg2='{}'", unit));
}

std::string properties_changed_rule(const std::string& path)
{
    return fmt::format("type='signal',sender='{}',path='{}',interface='{}',member='PropertiesChanged'", systemd, path,
                       properties);
}

}  // namespace chainkeeper::daemon
