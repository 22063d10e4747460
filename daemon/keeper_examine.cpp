// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/keeper.hpp"

#include "repair/diagnose.hpp"

#include <algorithm>

namespace chainkeeper::daemon {

namespace {

// As it would be if everything were lost now, and nothing moved any more.
policies::Situation after_flush(policies::Situation situation, const repair::DesiredState& desired)
{
    const repair::Snapshot nothing{.family = desired.family, .tables = {}, .chains = {}};
    situation.diagnosis = repair::diagnose(desired, nothing);
    situation.first_generation.reset();
    situation.last_generation.reset();
    situation.monitor_deadline = situation.now + situation.monitor_patience;
    return situation;
}

policies::Situation::Units units_of(const UnitsSeen& seen)
{
    policies::Situation::Units units{.kubelet_active = seen.kubelet.has_value(),
                                     .disruptor_with_job = std::nullopt,
                                     .disruptor_since = std::nullopt};
    if (!seen.disruptor_jobs.empty()) {
        units.disruptor_with_job = seen.disruptor_jobs.front().unit;
        units.disruptor_since = seen.disruptor_jobs.front().since;
    }
    return units;
}

}  // namespace

policies::Situation Keeper::situation_of(const Watched& watched, repair::Diagnosis diagnosis) const
{
    policies::Situation situation{.now = parts_.clock.now(),
                                  .diagnosis = std::move(diagnosis),
                                  .stopped = restraint_.stopped,
                                  .write_free = settings_.dry_run || restraint_.write_free,
                                  .backend_certain = settings_.backend.backend() == backend_in_use(),
                                  .units = std::nullopt,
                                  .monitor = watched.evidence.monitor(),
                                  .initialising_until = watched.evidence.initialising_until(),
                                  .monitor_deadline = watched.evidence.deadline(),
                                  .monitor_patience = watched.evidence.patience(),
                                  .nudged = watched.nudged,
                                  .nudged_in_vain = is_nudged_in_vain(watched),
                                  .first_generation = std::nullopt,
                                  .last_generation = std::nullopt,
                                  .standoff_until = watched.limiter.standoff_until(parts_.clock.now())};
    if (units_)
        situation.units = units_of(*units_);
    else if (units_expected_)
        situation.units = units_of(UnitsSeen{});
    if (watched.guarding == Guarding::when_seen && watched.evidence.source() == KubeletEvidence::Source::none)
        situation.initialising_until = Instant::max();
    if (const auto& burst = hearing_.burst()) {
        situation.first_generation = burst->first;
        situation.last_generation = burst->last;
    }
    return situation;
}

repair::Result<std::vector<Keeper::Examined>> Keeper::examine() const
{
    std::vector<Examined> families;
    for (const auto& watched : watched_) {
        const auto snapshot = observe(watched.desired);
        if (!snapshot)
            return tl::unexpected(snapshot.error());
        const auto elsewhere = look_elsewhere(watched.desired.family);
        families.push_back(examined(watched, diagnose(watched.desired, *snapshot, elsewhere ? &*elsewhere : nullptr)));
    }
    return families;
}

std::vector<Keeper::Examined> Keeper::examined_at_look() const
{
    std::vector<Examined> families;
    for (const auto& watched : watched_)
        if (watched.diagnosis || watched.guarding == Guarding::never)
            families.push_back(examined(watched, watched.diagnosis.value_or(repair::Diagnosis{})));
    return families;
}

const Keeper::Watched* Keeper::find(repair::Family family) const
{
    const auto found =
        std::ranges::find(watched_, family, [](const Watched& watched) { return watched.desired.family; });
    return found == watched_.end() ? nullptr : &*found;
}

const repair::DesiredState* Keeper::desired_state(repair::Family family) const
{
    const auto* const watched = find(family);
    return watched == nullptr ? nullptr : &watched->desired;
}

std::optional<Instant> Keeper::last_look(repair::Family family) const
{
    const auto* const watched = find(family);
    return watched == nullptr ? std::nullopt : watched->looked;
}

Keeper::Examined Keeper::examined(const Watched& watched, const repair::Diagnosis& diagnosis) const
{
    const auto& policy = settings_.policy;
    Examined examined;
    examined.diagnosis = watched.guarding != Guarding::never
                             ? diagnosis
                             : repair::Diagnosis{.family = watched.desired.family, .findings = {}};
    const auto situation = situation_of(watched, examined.diagnosis);
    examined.decision = policies::decide(situation, policy);
    examined.at_flush = policies::decide(after_flush(situation, watched.desired), policy);
    if (is_repair(examined.decision))
        examined.plan = repair::make_plan(watched.desired, examined.diagnosis, examined.decision.scope);
    examined.monitor = watched.evidence.monitor();
    examined.source = watched.evidence.source();
    examined.guarding = watched.guarding;
    if (settings_.newer_than_profiles != false)
        examined.left_out = watched.evidence.state().left_out;
    examined.monitor_deadline = situation.monitor_deadline;
    examined.standoff_until = situation.standoff_until;
    examined.standoff_against = situation.standoff_until ? watched.against : "";
    return examined;
}

}  // namespace chainkeeper::daemon
