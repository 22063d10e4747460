// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"
#include "policies/decide.hpp"
#include "repair/desired.hpp"
#include "repair/finding.hpp"
#include "repair/plan.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace chainkeeper::daemon {

// How long kubelet may take to notice that its mangle canary is gone. Measured on kubelet 1.34: up to the interval,
// then up to 5 s for the other canaries to go too; the slack is ours.
struct KubeletTiming {
    Duration monitor_interval = std::chrono::seconds{60};
    Duration flush_wait = std::chrono::seconds{5};
    Duration slack = std::chrono::seconds{10};
    Duration init_grace = std::chrono::seconds{30};
};

// What is known of kubelet's Monitor in one family. A pure state machine: what was seen and heard goes in with its
// time, the answers come out. Where systemd tells one kubelet from the next (its InvocationID), what is known is known
// of that instance, and the next one is met with an open mind. Where it does not, what is seen is the presence of
// kubelet's chains, and a missed deadline counts for that one flush and condemns no later kubelet.
class KubeletEvidence {
public:
    enum class Source : std::uint8_t { none, assumed, presence, journal, deadline };

    // An assumption takes the place of all evidence, for good.
    KubeletEvidence(KubeletTiming timing, Instant started, std::optional<policies::Monitor> assumed);

    // systemd says that this instance runs, since then. One that is known already changes nothing.
    void instance_began(const std::string& invocation, Instant since);
    // It ended, and no other runs.
    void instance_ended();
    // The instance's journal says that its chains were made, or that it failed. The first report counts: the journal is
    // read again by every daemon that starts, and what happened since weighs more.
    void init_reported(bool succeeded);
    // A look at the ruleset.
    void saw(const repair::DesiredState& desired, const repair::Diagnosis& diagnosis, Instant at);
    // Somebody else deleted the mangle canary, or wrote it.
    void heard_canary_deleted(Instant at);
    void heard_canary_added();
    // Somebody may have put the canary back meanwhile, and somebody else have taken it again: its time starts anew.
    void lost_sight(Instant at);
    // A plan of ours was committed: what it made says nothing about kubelet.
    void wrote(const repair::Plan& plan);
    // kubelet was asked to make these, and made the rest.
    void leaves_out(const std::set<std::string>& objects) { state_.left_out.insert(objects.begin(), objects.end()); }
    // It made them nevertheless.
    void makes(const std::set<std::string>& objects)
    {
        std::erase_if(state_.left_out, [&](const std::string& object) { return objects.contains(object); });
    }
    // kubelet let its deadline pass.
    void missed_deadline();

    [[nodiscard]] policies::Monitor monitor() const { return state_.monitor; }
    [[nodiscard]] Source source() const { return state_.source; }
    // Since the mangle canary is missing: a kubelet that was ever seen, or is known to run, has until then to put it
    // back.
    [[nodiscard]] std::optional<Instant> deadline() const;
    // It may be about to make its chains, until then: an instance that has not reported, or, where instances are not
    // known, a kubelet of which nothing was ever seen.
    [[nodiscard]] std::optional<Instant> initialising_until() const;

    // What outlives a restart of the daemon, within one boot: the instant is CLOCK_MONOTONIC.
    struct State {
        policies::Monitor monitor = policies::Monitor::unknown;
        Source source = Source::none;
        std::set<std::pair<repair::Table, std::string>> ours;  // chains that are there because we wrote them
        std::optional<Instant> canary_missing_since;
        std::string invocation;                 // empty: the instance is not known
        std::optional<Instant> instance_since;  // where it is known
        bool init_reported = false;             // by the journal of this instance
        std::uint32_t generation = 0;           // of the ruleset at the last look
        std::set<std::string> left_out;         // repair::missing_objects that this instance does not make
        bool operator==(const State&) const = default;
    };
    [[nodiscard]] const State& state() const { return state_; }
    [[nodiscard]] Duration patience() const { return timing_.monitor_interval + timing_.flush_wait + timing_.slack; }
    // What an earlier run has kept. If the ruleset is another one by then, nobody knows what kubelet did meanwhile.
    void restore(State state)
    {
        take_over(std::move(state));
        restored_ = true;
    }
    // The same in one run, with nothing missed.
    void take_over(State state) { state_ = std::move(state); }

    // There is a guarded chain that we did not write.
    [[nodiscard]] bool shows_foreign_chain(const repair::DesiredState& desired,
                                           const repair::Diagnosis& diagnosis) const;

private:
    void conclude(policies::Monitor monitor, Source source);
    void forget();

    KubeletTiming timing_;
    Instant started_;
    State state_;
    bool restored_ = false;  // and not looked since
};

std::string_view to_string(KubeletEvidence::Source source);

}  // namespace chainkeeper::daemon
