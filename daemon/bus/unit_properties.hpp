// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/bus/bus_object.hpp"
#include "daemon/unit_state.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chainkeeper::daemon {

// What is wanted of a unit's properties. A unit that is no service has no process.
struct UnitProperties {
    std::string active_state;  // "active", "activating", …
    std::string invocation;    // 32 hexadecimal digits; empty before its first start
    Instant active_enter;
    Instant main_started;
    std::uint32_t main_pid = 0;
    bool operator==(const UnitProperties&) const = default;
};

// Reads the answer of GetAll: a{sv}.
repair::Result<UnitProperties> unit_properties_from(sd_bus_message& reply);

// Nothing when it does not run: no main process, or not active, reloading or activating. (Type=notify kubelets are
// activating while they make their chains; a unit that waits for its next automatic restart is activating without a
// process.) `before` is what this gave for the unit the last time: an invocation keeps its first active_since.
std::optional<KubeletUnit> kubelet_unit_from(std::string_view name, const UnitProperties& properties,
                                             const std::optional<KubeletUnit>& before);

}  // namespace chainkeeper::daemon
