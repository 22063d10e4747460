// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/backend_evidence.hpp"
#include "daemon/burst.hpp"
#include "daemon/clock.hpp"
#include "daemon/guarded_names.hpp"
#include "daemon/kubelet_evidence.hpp"
#include "daemon/report.hpp"
#include "policies/policy.hpp"
#include "repair/backend.hpp"
#include "repair/desired.hpp"
#include "repair/nft/event.hpp"

#include <map>
#include <optional>
#include <set>
#include <vector>

namespace chainkeeper::daemon {

// Keeps the guarded set: hears of changes, and looks, decides, repairs and verifies when the time has come. It knows no
// loop: whoever runs it feeds it events and calls look() at next_look().
class Keeper {
public:
    struct Parts {
        repair::Backend& backend;  // a repair::Recorder in a dry run
        const Clock& clock;
        ReportSink& sink;
    };
    struct Settings {
        policies::Policy policy;
        std::vector<repair::DesiredState> desired;  // a family each
        KubeletTiming timing;
        bool dry_run = false;
        std::optional<policies::Monitor> assumed_monitor;
        BackendEvidence backend;
    };

    Keeper(Parts parts, Settings settings);
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;
    Keeper(Keeper&&) = delete;
    Keeper& operator=(Keeper&&) = delete;
    ~Keeper() = default;

    // Events in the order of the kernel; a generation ends each transaction.
    void hear(const repair::nft::Event& event);
    // Some events may not have been heard: the ruleset has to be read again.
    void hear_gap(const std::string& reason);

    // Looks at the families whose time has come, and acts. Does nothing while a burst has not settled.
    void look();
    // When look() is due; nothing while there is nothing to wait for but events.
    [[nodiscard]] std::optional<Instant> next_look() const;

    // What is known of kubelet, a family each: to be kept for the next start of the daemon, and given back to it.
    using Evidence = std::map<repair::Family, KubeletEvidence::State>;
    [[nodiscard]] Evidence evidence() const;
    void restore_evidence(const Evidence& evidence);
    [[nodiscard]] const BackendEvidence& backend_evidence() const { return settings_.backend; }

private:
    struct Watched {
        const repair::DesiredState* desired;
        KubeletEvidence evidence;
        std::optional<Instant> due;  // to be looked at then, whatever is heard
        bool in_burst = false;       // to be looked at when the burst has settled
        std::optional<policies::Decision> reported_decision;
        std::vector<repair::Finding> reported_findings;
        bool flushed = false;  // since the last report: what is missing is news, though it be the same as before
        bool wounded = false;  // something was missing in this look
        struct Written {
            repair::Plan plan;
            repair::Scope scope;
        };
        std::optional<Written> unverified;  // committed in this look
    };
    // What the current transaction has shown so far.
    struct Transaction {
        std::set<repair::Family> touched;
        std::map<repair::Family, bool> canaries;  // the mangle canary: true where it was added, false where deleted
        Losses losses;
    };
    enum class Progress { done, again };

    void hear_change(const repair::nft::Change& change);
    void hear_generation(const repair::nft::Generation& generation);
    void notice_missed_generation(std::uint32_t id);
    Burst& open_burst();
    [[nodiscard]] Instant settled_at() const;
    void hear_canaries(const Transaction& transaction, Instant at);
    void report_flush();

    void look_at(Watched& watched);
    Progress look_once(Watched& watched, unsigned stale_commits);
    Progress act(Watched& watched, const repair::Diagnosis& diagnosis, const policies::Decision& decision,
                 unsigned stale_commits);
    Progress commit(Watched& watched, const repair::Plan& plan, repair::Scope scope, unsigned stale_commits);
    void verify(Watched& watched, const Watched::Written& written);
    [[nodiscard]] policies::Situation situation_of(const Watched& watched, repair::Diagnosis diagnosis) const;
    void report_decision(Watched& watched, const repair::Diagnosis& diagnosis, const policies::Decision& decision,
                         const repair::Plan& plan);
    void report_trouble(const repair::Error& error);
    void report(Report report);
    void deliver_reports();
    static void look_again_at(Watched& watched, std::optional<Instant> instant);

    Parts parts_;
    Settings settings_;
    GuardedNames names_;
    std::vector<Watched> watched_;
    Transaction transaction_;
    std::optional<Burst> burst_;
    std::optional<std::uint32_t> last_generation_;
    std::set<std::uint32_t> our_generations_;
    Instant settled_;              // when the last look began
    std::vector<Report> reports_;  // delivered when the chains are back: writing a log takes longer than a commit
};

}  // namespace chainkeeper::daemon
