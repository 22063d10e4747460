// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/policy.hpp"

namespace chainkeeper::daemon::bus_name {

// What programs call us by on the system bus, for as long as the interface is compatible.
inline constexpr const char* service = "org.chainkeeper1";
inline constexpr const char* object = "/org/chainkeeper1";
inline constexpr const char* interface = "org.chainkeeper1";

inline constexpr const char* invalid = "org.chainkeeper1.Error.Invalid";  // an argument is not what it may be
inline constexpr const char* refused = "org.chainkeeper1.Error.Refused";  // not now
inline constexpr const char* failed = "org.chainkeeper1.Error.Failed";    // it was tried, and went wrong

// A caller that may be asked for a password is given this long by the daemon, and waits as long for it.
inline constexpr policies::Duration password_time = std::chrono::minutes{2};

}  // namespace chainkeeper::daemon::bus_name
