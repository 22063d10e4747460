// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"

#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace chainkeeper::daemon {

// The first of the configured kubelet units that runs.
struct KubeletUnit {
    std::string name;        // "kubelet.service"
    std::string invocation;  // InvocationID: 32 hexadecimal digits
    Instant active_since;    // ActiveEnterTimestampMonotonic; the start of its main process while it is activating
    pid_t main_pid = 0;
    bool operator==(const KubeletUnit&) const = default;
};

// A job of a disruptor unit, queued or running.
struct UnitJob {
    std::string unit;  // "iptables.service"
    std::string type;  // "restart", "reload", …
    Instant since;     // when it was first seen
    bool operator==(const UnitJob&) const = default;
};

// What systemd says.
struct UnitsSeen {
    std::optional<KubeletUnit> kubelet;  // nothing: none of the units is active
    std::vector<UnitJob> disruptor_jobs;
    bool operator==(const UnitsSeen&) const = default;
};

// Where units are watched.
class UnitState {
public:
    // Nothing: systemd cannot be asked at present, and all of it is unknown.
    using Changed = std::function<void(const std::optional<UnitsSeen>& seen)>;

    UnitState() = default;
    UnitState(const UnitState&) = delete;
    UnitState& operator=(const UnitState&) = delete;
    UnitState(UnitState&&) = delete;
    UnitState& operator=(UnitState&&) = delete;
    virtual ~UnitState() = default;

    // Calls back with the first answer, and whenever it has changed; never from within this call.
    virtual void watch(Changed changed) = 0;
};

}  // namespace chainkeeper::daemon
