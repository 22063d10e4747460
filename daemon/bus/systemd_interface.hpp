// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/bus/repeated_call.hpp"

#include <string>
#include <string_view>

// systemd's interface on the bus, as far as it is used (org.freedesktop.systemd1(5)): calls and match rules.
namespace chainkeeper::daemon {

inline constexpr std::string_view message_bus_name = "org.freedesktop.DBus";

RepeatedCall::Method get_systemd_owner();
// Without it systemd sends no signals.
RepeatedCall::Method subscribe_to_systemd();
RepeatedCall::Method list_jobs();
// Of all of a unit's interfaces at one moment, which systemd gives for an interface without a name. A unit that is not
// loaded is loaded for the answer.
RepeatedCall::Method get_unit_properties(const std::string& path);

std::string owner_changed_rule();
std::string reloading_rule();
// JobNew and JobRemoved of this unit: of the manager's signals they alone have a unit's name as their third argument.
std::string jobs_rule(const std::string& unit);
std::string properties_changed_rule(const std::string& path);

}  // namespace chainkeeper::daemon
