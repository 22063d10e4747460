// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"

#include <string>
#include <string_view>

namespace chainkeeper::daemon {

// "kubelet" is "kubelet.service"; a name that says its type, as "rescue.target" does, is taken as it is. An error for
// what no unit can be called (unit_name_is_valid in systemd's basic/unit-name.c).
repair::Result<std::string> unit_name_from(std::string_view configured);

// Where systemd has a unit on the bus: "/org/freedesktop/systemd1/unit/kubelet_2eservice".
std::string unit_object_path(const std::string& unit);

}  // namespace chainkeeper::daemon
