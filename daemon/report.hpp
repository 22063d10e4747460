// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/burst.hpp"
#include "daemon/hold.hpp"
#include "daemon/kubelet_evidence.hpp"
#include "policies/decide.hpp"
#include "repair/backend.hpp"
#include "repair/finding.hpp"
#include "repair/plan.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace chainkeeper::daemon {

// The first transaction of a burst was heard.
struct Heard {
    Instant at;
    GenerationHeard generation;
};

// The ruleset has come to rest after a burst that took something away, or of which not all was heard.
struct Settled {
    Instant at;
    Burst burst;
};

// What is to be done about one family, and what that rests on. Reported when it changes, and after each flush.
struct Decided {
    Instant at;
    repair::Diagnosis diagnosis;
    policies::Decision decision;
    repair::Plan plan;  // empty unless the decision is to repair
    policies::Monitor monitor = policies::Monitor::unknown;
    KubeletEvidence::Source source = KubeletEvidence::Source::none;
    std::string backend;  // what the choice of the backend rests on
    // Of `refuse: standoff`: the unit or the program that takes away what was repaired, and until when it is left
    // alone.
    std::string standoff_against;
    std::optional<WallTime> standoff_until;
};

struct Committed {
    Instant at;
    repair::Plan plan;
    repair::Outcome outcome;
    unsigned stale_commits = 0;  // how often the ruleset had moved on before this one
    Duration lock_wait{};        // for how long somebody else had the xtables lock
};

// The state was read back after a commit.
struct Verified {
    Instant at;
    bool fulfilled = false;  // all that the plan was to mend is mended
    bool nudged = false;     // the plan was to nudge kubelet: what is missing is kubelet's to mend
    repair::Diagnosis after;
};

// What is known of kubelet has changed: an instance began or ended, its journal said something, its deadline passed.
struct KubeletNews {
    Instant at;
    std::optional<repair::Family> family;  // nothing: both
    std::string what;
};

struct HoldSet {
    Instant at;
    Hold hold;
};

struct HoldEnded {
    Instant at;
    Hold hold;
    std::string released_by;  // empty: it ran out
};

struct WindowOpened {
    Instant at;
    WallTime until;
};

struct WindowClosed {
    Instant at;
};

// The policy was read again. Where it was refused the old one stays.
struct PolicyLoaded {
    Instant at;
    bool accepted = false;
    std::string what;  // the error, where it was refused
};

// Something did not work; the sentence says what and why.
struct Trouble {
    Instant at;
    std::string what;
};

// Worth knowing, and nothing wrong.
struct Notice {
    enum class Kind : std::uint8_t {
        other,
        started,   // the daemon has looked for the first time
        stopping,  // it ends as it was asked to
    };
    Instant at;
    std::string what;
    Kind kind = Kind::other;
};

using Report = std::variant<Heard, Settled, Decided, Committed, Verified, KubeletNews, HoldSet, HoldEnded, WindowOpened,
                            WindowClosed, PolicyLoaded, Trouble, Notice>;

// When it happened, and its kind in one word: "heard", "settled", "decided", …
Instant instant_of(const Report& report);
std::string_view event_of(const Report& report);

// Where all of it goes.
class ReportSink {
public:
    ReportSink() = default;
    ReportSink(const ReportSink&) = delete;
    ReportSink& operator=(const ReportSink&) = delete;
    ReportSink(ReportSink&&) = delete;
    ReportSink& operator=(ReportSink&&) = delete;
    virtual ~ReportSink() = default;

    virtual void report(const Report& report) = 0;
};

}  // namespace chainkeeper::daemon
