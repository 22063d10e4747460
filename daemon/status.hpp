// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/hold.hpp"
#include "daemon/kubelet_evidence.hpp"
#include "daemon/unit_state.hpp"
#include "daemon/utc_time.hpp"
#include "policies/decide.hpp"
#include "repair/finding.hpp"

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace chainkeeper::daemon {

// What is so at one moment, and what would happen next. Times are by the wall clock.
struct Status {
    struct Family {
        repair::Diagnosis diagnosis;
        policies::Decision decision;
        policies::Monitor monitor = policies::Monitor::unknown;
        KubeletEvidence::Source source = KubeletEvidence::Source::none;
        bool guarded = true;             // kubelet makes chains in this family
        std::set<std::string> left_out;  // repair::missing_objects that it does not make, and that are not guarded
        std::optional<policies::WallTime> monitor_deadline;
        std::optional<policies::WallTime> standoff_until;
        std::string standoff_against;  // the unit or the program that the limiter met
        std::string at_flush;          // what a flush of everything would be met with: "repair: assist"
    };
    struct LastRepair {
        policies::WallTime at;
        repair::Family family = repair::Family::ipv4;
        std::string decision;
        std::size_t steps = 0;
    };

    std::vector<Family> families;
    std::string mode;              // "repair", "dry-run", "off", "stopped": as it is in force now
    std::string backend;           // "nft", "legacy"; empty where it is not known
    std::string backend_evidence;  // what that rests on
    std::optional<UnitsSeen> units;
    std::string kubelet_version;  // "v1.34.2"; empty where it is not known
    bool opted_out = false;       // kubelet's configuration says makeIPTablesUtilChains: false
    std::optional<Hold> hold;
    std::optional<policies::WallTime> window_open_until;
    std::optional<policies::WallTime> window_opens_next;
    std::optional<LastRepair> last_repair;
    std::string last_incident;  // the newest entry of the history, a line of JSON; empty where there is none
    std::string policy_error;   // of the last reload, or of the start; empty: the policy is in force
};

// {"healthy": true (null before the first look), "mode": "repair", "backend": {"name": "nft", "evidence": "…"},
//  "systemd": true, "disruptor_jobs": [{"unit": "iptables.service", "type": "restart"}],
//  "kubelet": {"state": "active" | "inactive" | "unknown", "unit": "kubelet.service", "invocation": "…",
//              "active_since_us": CLOCK_MONOTONIC, "main_pid": 4711, "version": "v1.34.2", "opted_out": false},
//  "families": [{"family": "ipv4", "diagnosis": {…}, "decision": "healthy", "monitor": "alive", "source": "journal",
//                "guarded": true, "monitor_deadline": null, "standoff_until": null, "standoff_against": null,
//                "at_flush": "repair: assist"}, …],
//  "hold": {…} | null, "change_window": {"open_until": null, "opens_next": "2026-11-22T22:00:00Z"},
//  "last_repair": {"at": "…", "family": "ipv4", "decision": "repair: assist", "steps": 7} | null,
//  "last_incident": {…} | null, "policy_error": null}
// A time is "2026-11-21T08:00:00.123456Z"; what is not known is null.
nlohmann::json to_json(const Status& status);

}  // namespace chainkeeper::daemon
