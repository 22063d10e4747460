// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/policy.hpp"
#include "repair/finding.hpp"
#include "repair/plan.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chainkeeper::policies {

// Whether kubelet's Monitor of one family watches the mangle canary.
enum class Monitor : std::uint8_t { alive, dead, unknown };
std::string_view to_string(Monitor monitor);

// The rows of the decision table, in its order: the first that matches decides.
enum class Row : std::uint8_t {
    healthy,
    held,
    backend_ambiguous,
    kubelet_inactive,
    kubelet_initialising,
    disruptor_running,
    settling,
    standoff,
    damaged,
    assist,
    partial_flush,
    nudge,
    no_monitor,
    monitor_silent,
};
std::string_view to_string(Row row);

enum class Action : std::uint8_t { none, report, refuse, wait, repair, would_repair };
std::string_view to_string(Action action);

// Everything that the decision of one family rests on. Whoever fills it in has read the clock, the kernel and systemd;
// decide() reads nothing.
struct Situation {
    Instant now;
    repair::Diagnosis diagnosis;

    // The operator.
    bool stopped = false;     // held with --stop
    bool write_free = false;  // dry run by flag, by a hold or by a change window

    // The backend that kubelet uses is known, and it is the one that was looked at.
    bool backend_certain = true;

    // What systemd says; nothing where there is no systemd to ask, and then rows 4 and 6 do not apply.
    struct Units {
        bool kubelet_active = true;  // matters only where the policy says require_active
        std::optional<std::string> disruptor_with_job;
        std::optional<Instant> disruptor_since;  // when that job was first seen
    };
    std::optional<Units> units;

    // kubelet in this family.
    Monitor monitor = Monitor::unknown;
    std::optional<Instant> initialising_until;  // its first init was not reported, and is given until then
    std::optional<Instant> monitor_deadline;    // the mangle canary is missing, and kubelet is given until then
    // How long kubelet is given once its mangle canary is gone: its interval, 5 s that it waits, and some slack.
    Duration monitor_patience = std::chrono::seconds{75};
    // We have deleted its canary so that it rebuilds its chains, and nothing was lost since.
    bool nudged = false;
    // It was nudged, answered, and did not bring back what is missing.
    bool nudged_in_vain = false;

    // The burst of changes that led here.
    std::optional<Instant> first_generation;
    std::optional<Instant> last_generation;

    // The limiter is empty until then.
    std::optional<Instant> standoff_until;
};

struct Decision {
    Row row = Row::healthy;
    Action action = Action::none;
    repair::Scope scope;                // of the repair, for repair and would_repair
    std::optional<Instant> look_again;  // nothing will happen of itself before then

    bool operator==(const Decision&) const = default;
};

// Something is to be written, or would be.
inline bool is_repair(const Decision& decision)
{
    return decision.action == Action::repair || decision.action == Action::would_repair;
}

// "healthy", "wait: settling", "repair: assist", "would_repair: no_monitor": the stable name.
std::string to_string(const Decision& decision);

// The decision table. Pure: the same situation and policy give the same decision.
Decision decide(const Situation& situation, const Policy& policy);

}  // namespace chainkeeper::policies
