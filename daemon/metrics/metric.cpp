// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/metrics/metric.hpp"

#include <array>

namespace chainkeeper::daemon::metrics {

namespace {

using Type = Metric::Type;

constexpr std::array metrics{
    Metric{"chainkeeper_build_info", Type::gauge, "The version of the daemon that wrote this, by a label; always 1."},
    Metric{"chainkeeper_last_write_timestamp_seconds", Type::gauge, "When the daemon wrote this file."},
    Metric{"chainkeeper_last_look_timestamp_seconds", Type::gauge, "When the guarded set of a family was last read."},
    Metric{"chainkeeper_family_known", Type::gauge, "1 where the last look could read the guarded set of a family."},
    Metric{"chainkeeper_family_guarded", Type::gauge, "1 where kubelet makes chains in a family."},
    Metric{"chainkeeper_guarded_object_present", Type::gauge,
           "1 where a chain of kubelet's, or the rule of the label rule in it, is there."},
    Metric{"chainkeeper_findings", Type::gauge, "How many things are not as kubelet made them."},
    Metric{"chainkeeper_decision", Type::gauge, "What is decided about a family now, by a label; always 1."},
    Metric{"chainkeeper_kubelet_monitor", Type::gauge, "1 for what is known of kubelet's Monitor of a family."},
    Metric{"chainkeeper_standoff", Type::gauge, "1 while nothing is written because repairs do not last."},
    Metric{"chainkeeper_mode", Type::gauge, "1 for the mode that is in force."},
    Metric{"chainkeeper_backend", Type::gauge, "1 for the backend that kubelet uses."},
    Metric{"chainkeeper_hold", Type::gauge, "1 while an operator's hold is in force."},
    Metric{"chainkeeper_change_window_open", Type::gauge, "1 while a change window of the policy is open."},
    Metric{"chainkeeper_policy_refused", Type::gauge, "1 where the policy file was refused when it was last read."},
    Metric{"chainkeeper_flushes_total", Type::counter, "Flushes that took something of kubelet's, by who did it."},
    Metric{"chainkeeper_gaps_total", Type::counter, "How often not all that happened was heard."},
    Metric{"chainkeeper_repairs_total", Type::counter, "Repairs that were tried, by decision and result."},
    Metric{"chainkeeper_repairs_unfulfilled_total", Type::counter,
           "Repairs after which something that they were to mend was still missing."},
    Metric{"chainkeeper_stale_commits_total", Type::counter,
           "Commits that were planned anew because the ruleset had moved on."},
    Metric{"chainkeeper_troubles_total", Type::counter, "What did not work, and is in the journal."},
    Metric{"chainkeeper_stage_seconds", Type::histogram, "How long each stage on the way to a repair took."},
    Metric{"chainkeeper_recovery_seconds", Type::histogram,
           "From the first transaction of a flush that was heard to the repair."},
    Metric{"chainkeeper_lock_wait_seconds", Type::histogram,
           "How long repairs waited for the xtables lock of somebody else."},
    Metric{"chainkeeper_conntrack_entries", Type::gauge, "Connections in the kernel's table of them."},
    Metric{"chainkeeper_conntrack_entries_limit", Type::gauge, "How many connections that table may hold."},
};

}  // namespace

std::string_view to_string(Metric::Type type)
{
    switch (type) {
    case Type::counter: return "counter";
    case Type::gauge: return "gauge";
    case Type::histogram: return "histogram";
    }
    return "untyped";
}

std::span<const Metric> daemon_metrics()
{
    return metrics;
}

}  // namespace chainkeeper::daemon::metrics
