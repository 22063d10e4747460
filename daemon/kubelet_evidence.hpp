// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"
#include "policies/decide.hpp"
#include "repair/desired.hpp"
#include "repair/finding.hpp"
#include "repair/plan.hpp"

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
// time, the answers come out. Until systemd and kubelet's journal are asked, what is seen is the presence of its
// chains; and nothing tells one kubelet from the next, so a missed deadline counts for that one flush and condemns no
// later kubelet.
class KubeletEvidence {
public:
    enum class Source : std::uint8_t { none, assumed, presence, deadline };

    // An assumption takes the place of all evidence, for good.
    KubeletEvidence(KubeletTiming timing, Instant started, std::optional<policies::Monitor> assumed);

    // A look at the ruleset.
    void saw(const repair::DesiredState& desired, const repair::Diagnosis& diagnosis, Instant at);
    // Somebody else deleted the mangle canary, or wrote it.
    void heard_canary_deleted(Instant at);
    void heard_canary_added();
    // A plan of ours was committed: what it made says nothing about kubelet.
    void wrote(const repair::Plan& plan);
    // kubelet let its deadline pass.
    void missed_deadline();

    [[nodiscard]] policies::Monitor monitor() const { return state_.monitor; }
    [[nodiscard]] Source source() const { return state_.source; }
    // Since the mangle canary is missing: a kubelet that was ever seen has until then to put it back.
    [[nodiscard]] std::optional<Instant> deadline() const;
    // Nothing of kubelet's was ever seen: it may be about to make its chains, until then.
    [[nodiscard]] std::optional<Instant> initialising_until() const;

    // What outlives a restart of the daemon, within one boot: the instant is CLOCK_MONOTONIC.
    struct State {
        policies::Monitor monitor = policies::Monitor::unknown;
        Source source = Source::none;
        std::set<std::pair<repair::Table, std::string>> ours;  // chains that are there because we wrote them
        std::optional<Instant> canary_missing_since;
        bool operator==(const State&) const = default;
    };
    [[nodiscard]] const State& state() const { return state_; }
    void restore(State state) { state_ = std::move(state); }

    // There is a guarded chain that we did not write.
    [[nodiscard]] bool shows_foreign_chain(const repair::DesiredState& desired,
                                           const repair::Diagnosis& diagnosis) const;

private:
    void conclude(policies::Monitor monitor, Source source);

    KubeletTiming timing_;
    Instant started_;
    State state_;
};

std::string_view to_string(KubeletEvidence::Source source);

}  // namespace chainkeeper::daemon
