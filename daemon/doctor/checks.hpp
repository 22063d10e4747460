// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"

#include <span>
#include <string>
#include <vector>

namespace chainkeeper::daemon::doctor {

// Every check there is.
std::span<const Check* const> all_checks();

// The names of those that an image of a node has to pass.
std::vector<std::string> preflight_names();

// Those of these names, or all where none is named, in the order of the table.
std::vector<const Check*> checks_named(const std::vector<std::string>& names);

}  // namespace chainkeeper::daemon::doctor
