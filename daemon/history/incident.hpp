// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/report.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::daemon {

// What was lost, who took it, and what was done about it in each family.
struct Incident {
    struct Family {
        repair::Family family;
        policies::Decision decision;
        policies::Monitor monitor = policies::Monitor::unknown;
        KubeletEvidence::Source source = KubeletEvidence::Source::none;
        std::vector<std::string> findings;
        std::size_t findings_omitted = 0;
        std::size_t steps = 0;
        std::optional<repair::Outcome> outcome;  // nothing: no commit was tried
        unsigned stale_commits = 0;
        std::optional<bool> verified;  // nothing: there was nothing to verify
    };
    struct Moment {
        Instant at;
        std::string_view event;
        std::string text;
    };

    // When it began: the first transaction that was heard, else the first event. What was waited for may be before it.
    Instant began;
    WallTime began_wall;
    std::optional<Culprit> culprit;
    Losses lost;
    unsigned transactions = 0;
    std::vector<std::string> gaps;
    std::vector<Family> families;
    std::vector<Moment> timeline;
    std::size_t moments_omitted = 0;
};

inline constexpr std::size_t longest_incident = std::size_t{16} * 1024;

// One line without its newline, never longer than longest_incident: what does not fit is left out and counted.
// {"at": "2026-11-21T08:00:00.123456Z", "boot": "…",
//  "culprit": {"unit": "iptables.service", "pid": 4711, "comm": "iptables", "command_line": "iptables -F",
//              "ancestors": ["bash (4710)"], "confidence": "process"} | null,
//  "lost": {"tables": 0, "chains": 5, "rules": 3, "entries": 0}, "transactions": 13, "gaps": ["…"],
//  "families": [{"family": "ipv4", "decision": "repair: assist", "monitor": "alive", "source": "presence",
//                "findings": ["…"], "findings_omitted": 0, "steps": 7,
//                "outcome": "committed" | "recorded" | "denied" | "failed" | null, "reason": "…" | null,
//                "generation": 17 | null, "stale_commits": 0, "verified": true | false | null}],
//  "timeline": [{"us": 541630, "event": "settled", "text": "…"}], "timeline_omitted": 0}
// "us" counts from "at". What is not known is null.
std::string to_json(const Incident& incident, std::string_view boot);

// Makes incidents of reports. One is complete at the end of a look that decided more than to wait, or that found all
// well again after a flush; what is done in a later look (repair: monitor_silent) is an incident of its own. A look
// that only waits leaves what it heard to the incident that follows. A look that finds all well where nothing was
// flushed is none, and neither is the failure of the same repair once more.
class IncidentGatherer {
public:
    void add(const Report& report, Instant now, WallTime wall);

    std::optional<Incident> end_of_look();
    // The daemon ends: what still waited, where something was flushed.
    std::optional<Incident> end();

private:
    enum class Progress { quiet, waiting, acted };

    void add_moment(const Report& report);
    void note_beginning(Instant began, Duration wall_ahead);
    void hear(const Settled& settled);
    void decide(const Decided& decided);
    void commit(const Committed& committed);
    Incident::Family& family(repair::Family name);
    [[nodiscard]] bool waits() const;
    std::optional<Incident> take();

    std::optional<Incident> incident_;  // gathered so far
    bool acted_ = false;                // in this look
    bool flushed_ = false;
    bool has_beginning_ = false;  // a transaction was heard
    unsigned worst_loss_ = 0;
    std::map<repair::Family, Incident::Family> decided_;  // the last decision, which is not reported again
};

}  // namespace chainkeeper::daemon
