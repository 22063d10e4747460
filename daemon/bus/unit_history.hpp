// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/bus/bus_object.hpp"
#include "policies/policy.hpp"

#include <optional>
#include <string>
#include <utility>

namespace chainkeeper::daemon {

// What systemd knows of a unit at this moment.
struct UnitHistory {
    bool exists = false;
    std::string enablement;  // UnitFileState: "enabled", "disabled", "masked", "static", …; empty where it has no file
    bool active = false;     // or on its way there, or being reloaded
    // When it last began or ended to start, stop or reload, or, for a timer, when it last elapsed. Nothing: not since
    // the node has booted, as far as systemd remembers.
    std::optional<policies::WallTime> last_ran;
};

// Asks systemd one thing after the other, for a program that has no loop of its own. Each answer may take 2 s.
class UnitHistories {
public:
    // Nothing where there is no systemd to be asked.
    static repair::Result<std::optional<UnitHistories>> open();

    // "iptables.service", "firewall.timer"
    [[nodiscard]] repair::Result<UnitHistory> of(const std::string& unit) const;

private:
    explicit UnitHistories(BusConnection bus) : bus_{std::move(bus)} {}
    [[nodiscard]] repair::Result<std::string> text(const std::string& unit, const char* name) const;
    [[nodiscard]] repair::Result<std::optional<policies::WallTime>> time(const std::string& unit, const char* interface,
                                                                         const char* name) const;

    BusConnection bus_;
};

}  // namespace chainkeeper::daemon
