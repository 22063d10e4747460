// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/backend_evidence.hpp"
#include "daemon/burst.hpp"
#include "daemon/clock.hpp"
#include "daemon/guarded_names.hpp"
#include "daemon/hearing.hpp"
#include "daemon/kubelet_evidence.hpp"
#include "daemon/report.hpp"
#include "daemon/unit_state.hpp"
#include "policies/limiter.hpp"
#include "policies/policy.hpp"
#include "repair/backend.hpp"
#include "repair/desired.hpp"
#include "repair/nft/event.hpp"
#include "repair/recorder.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace chainkeeper::daemon {

// Keeps the guarded set: hears of changes, and looks, decides, repairs and verifies when the time has come. It knows no
// loop: whoever runs it feeds it events and calls look() at next_look().
class Keeper {
public:
    // One for each place where chains can be; nothing where the kernel has no such thing, or it may not be looked at.
    struct Backends {
        repair::Backend* nft = nullptr;
        repair::Backend* legacy = nullptr;
        [[nodiscard]] repair::Backend* of(KnownBackend backend) const
        {
            return backend == KnownBackend::nft ? nft : legacy;
        }
    };
    struct Parts {
        Backends backends;
        const Clock& clock;
        ReportSink& sink;
        std::filesystem::path proc = "/proc";
    };
    struct Settings {
        policies::Policy policy;
        std::vector<repair::DesiredState> desired;  // a family each
        KubeletTiming timing;
        // kubelet, where its version is known: what such a one makes is its own to say.
        std::optional<bool> newer_than_profiles;
        bool dry_run = false;
        std::optional<policies::Monitor> assumed_monitor;
        BackendEvidence backend;
    };
    // What an operator or a change window asks for, beyond the policy.
    struct Restraint {
        bool write_free = false;
        bool stopped = false;
        bool operator==(const Restraint&) const = default;
    };

    Keeper(Parts parts, Settings settings);
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;
    Keeper(Keeper&&) = delete;
    Keeper& operator=(Keeper&&) = delete;
    ~Keeper() = default;

    // Events in the order of the kernel; a generation ends each transaction.
    void hear(const repair::nft::Event& event);
    // Somebody was at iptables-legacy's tables. Where nothing tells that one of them was written, they are looked at
    // once in `legacy_poll` at the most: a look reads all of them.
    void hear(const LegacyWrite& write);
    // Some events may not have been heard: the ruleset has to be read again.
    void hear_gap(const std::string& reason);
    // Something happened that no event tells of; the same, but that nothing was missed.
    void recheck(const std::string& reason);

    // There is a systemd: nothing is looked at before hear_units(), for a few seconds, and nothing is written before it
    // has answered.
    void await_units();
    // What systemd says; nothing where it cannot be asked, and then its last answer stands.
    void hear_units(const std::optional<UnitsSeen>& seen);
    // kubelet's journal says how its first init of a family ended.
    void hear_init(repair::Family family, bool succeeded);
    // What `iptables -V` says by now.
    void hear_iptables(std::optional<KnownBackend> says);
    // Whether kubelet makes chains in a family.
    enum class Guarding {
        always,
        when_seen,  // not known: nothing is written before something of kubelet's was seen
        never,      // it was told not to, or found no iptables: there is nothing to guard
    };
    void guard(repair::Family family, Guarding guarding);
    // When it is lifted, everything is looked at.
    void restrain(Restraint restraint);
    // Another policy, or another version of kubelet. What is known stays known.
    void adopt(Settings settings, const std::string& reason);

    // Looks at the families whose time has come, and acts. Does nothing while a burst has not settled.
    void look();
    // The same for all families, whether their time has come or not; reports what it decides, news or not.
    void look_now();
    // When look() is due; nothing while there is nothing to wait for but events.
    [[nodiscard]] std::optional<Instant> next_look() const;

    // What is so now in one family, and what would be decided; nothing is written, reported or remembered.
    struct Examined {
        repair::Diagnosis diagnosis;
        policies::Decision decision;
        policies::Decision at_flush;  // if everything were lost now, and the ruleset at rest again
        repair::Plan plan;            // empty unless the decision is to repair
        policies::Monitor monitor = policies::Monitor::unknown;
        KubeletEvidence::Source source = KubeletEvidence::Source::none;
        Guarding guarding = Guarding::always;
        std::set<std::string> left_out;  // repair::missing_objects that kubelet does not make
        std::optional<Instant> monitor_deadline;
        std::optional<Instant> standoff_until;
        std::string standoff_against;
    };
    [[nodiscard]] repair::Result<std::vector<Examined>> examine() const;
    // The same of what the last look saw, without another one; without the families that could not be looked at.
    [[nodiscard]] std::vector<Examined> examined_at_look() const;
    // The guarded set of a family, and when it was looked at last; nothing of a family that the policy leaves out.
    [[nodiscard]] const repair::DesiredState* desired_state(repair::Family family) const;
    [[nodiscard]] std::optional<Instant> last_look(repair::Family family) const;

    // What is known of kubelet, a family each: to be kept for the next start of the daemon, and given back to it.
    using Evidence = std::map<repair::Family, KubeletEvidence::State>;
    [[nodiscard]] Evidence evidence() const;
    void restore_evidence(const Evidence& evidence);
    [[nodiscard]] const BackendEvidence& backend_evidence() const { return settings_.backend; }
    [[nodiscard]] const Settings& settings() const { return settings_; }
    [[nodiscard]] const Restraint& restraint() const { return restraint_; }
    // Nothing while systemd cannot be asked.
    [[nodiscard]] std::optional<UnitsSeen> units() const { return units_answer_ ? units_ : std::nullopt; }

private:
    struct Watched {
        repair::DesiredState profile;
        repair::DesiredState desired;  // of the profile, without what kubelet leaves out
        KubeletEvidence evidence;
        policies::Limiter limiter;
        std::optional<Instant> due;  // to be looked at then, whatever is heard
        Guarding guarding = Guarding::always;
        bool in_burst = false;  // to be looked at when the burst has settled
        std::optional<policies::Decision> reported_decision;
        std::vector<repair::Finding> reported_findings;
        bool flushed = false;  // since the last report: what is missing is news, though it be the same as before
        bool wounded = false;  // something was missing in this look
        std::string against;   // who took something away last
        struct Written {
            repair::Plan plan;
            repair::Scope scope;
        };
        std::optional<Written> unverified;           // committed in this look
        std::optional<Instant> looked;               // last
        std::optional<repair::Diagnosis> diagnosis;  // of that look, or of the one that verified
        std::optional<Instant> canary_missed;        // first, of this time; only on legacy
        std::optional<Instant> locked_out;           // since then the xtables lock is held by somebody else
        bool lock_reported = false;                  // of this time
        bool nudged = false;                         // by us, kubelet has not answered, and nothing was lost since
        std::map<std::string, unsigned> in_vain;     // what so many nudges in a row did not bring back
        std::set<KnownBackend> present;              // where chains of kubelet's were at the last look
    };
    enum class Progress { done, again };

    void watch_families();
    Watched* find(repair::Family family);
    [[nodiscard]] const Watched* find(repair::Family family) const;
    void hear_generation(const repair::nft::Generation& generation);
    void hear_kubelet(const std::optional<KubeletUnit>& kubelet);
    void hear_jobs(const std::vector<UnitJob>& jobs);
    [[nodiscard]] Instant settled_at(const Burst& burst) const;
    void report_flush(const Burst& burst);
    void look_soon();

    void look_at(Watched& watched);
    Progress look_once(Watched& watched, unsigned stale_commits);
    Progress act(Watched& watched, const repair::Diagnosis& diagnosis, const policies::Decision& decision,
                 unsigned stale_commits);
    Progress commit(Watched& watched, const repair::Plan& plan, const policies::Decision& decision,
                    unsigned stale_commits);
    void verify(Watched& watched, const Watched::Written& written);
    void hear_elsewhere(const LegacyWrite& write);
    static void postpone_deadline(Watched& watched, Instant at);
    void lose_sight(Watched& watched) const;
    void take_profile(Watched& watched) const;
    void judge_answer(Watched& watched, const repair::Diagnosis& diagnosis);
    void leave_out(Watched& watched, const std::set<std::string>& objects);
    void take_in(Watched& watched, const repair::Snapshot& snapshot);
    static bool is_nudged_in_vain(const Watched& watched);
    void wait_for_lock(Watched& watched, const repair::Plan& plan, repair::Outcome outcome);
    [[nodiscard]] KnownBackend backend_in_use() const;
    [[nodiscard]] repair::Result<repair::Snapshot> observe(const repair::DesiredState& desired) const;
    [[nodiscard]] std::optional<repair::Snapshot> look_elsewhere(repair::Family family) const;
    void learn_backend(Watched& watched, const repair::Diagnosis& diagnosis, const repair::Snapshot* elsewhere);
    [[nodiscard]] repair::Diagnosis diagnose(const repair::DesiredState& desired, const repair::Snapshot& snapshot,
                                             const repair::Snapshot* elsewhere) const;
    [[nodiscard]] policies::Situation situation_of(const Watched& watched, repair::Diagnosis diagnosis) const;
    [[nodiscard]] Examined examined(const Watched& watched, const repair::Diagnosis& diagnosis) const;
    void report_decision(Watched& watched, const repair::Diagnosis& diagnosis, const policies::Decision& decision,
                         const repair::Plan& plan);
    void report_trouble(const repair::Error& error);
    void report(Report report);
    void deliver_reports();
    static void look_again_at(Watched& watched, std::optional<Instant> instant);

    Parts parts_;
    Settings settings_;
    GuardedNames names_;
    Hearing hearing_;
    std::vector<Watched> watched_;
    std::optional<UnitsSeen> units_;  // the last answer
    bool units_expected_ = false;
    bool units_answer_ = false;                          // systemd can be asked
    std::optional<std::optional<KubeletUnit>> kubelet_;  // as systemd last said, if it ever did
    std::optional<Instant> units_awaited_until_;
    Restraint restraint_;
    std::map<repair::Family, Guarding> guarding_;
    Instant settled_;              // when the last look began
    std::vector<Report> reports_;  // delivered when the chains are back: writing a log takes longer than a commit
};

}  // namespace chainkeeper::daemon
