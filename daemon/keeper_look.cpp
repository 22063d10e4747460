// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/keeper.hpp"

#include "daemon/report_text.hpp"
#include "repair/diagnose.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace chainkeeper::daemon {

namespace {

using policies::Action;
using policies::Decision;
using policies::Row;
using repair::Diagnosis;
using repair::Outcome;
using repair::Plan;

// Each try takes well under a millisecond. A writer that spoils them for this long never rests: then the loop sees to
// its other work, and the next look comes when the ruleset has settled.
constexpr Duration trying_deadline = std::chrono::milliseconds{100};

// After a failure that no event will announce the end of.
constexpr Duration retry_interval = std::chrono::seconds{10};

// How often the lock of iptables-legacy is tried that somebody else holds. (That it was let go is heard besides.)
constexpr Duration lock_interval = std::chrono::milliseconds{100};

// The name by which an operator knows it: the unit, else the program.
std::string party_of(const Culprit& culprit)
{
    return culprit.unit.empty() ? culprit.comm : culprit.unit;
}

}  // namespace

void Keeper::look()
{
    const auto now = parts_.clock.now();
    if (units_awaited_until_ && now < *units_awaited_until_)
        return;
    units_awaited_until_.reset();
    const auto& burst = hearing_.burst();
    if (burst && now < settled_at(*burst))
        return;
    const bool flushed = burst && (burst->losses.any() || !burst->gaps.empty());
    for (auto& watched : watched_) {
        watched.flushed = flushed && watched.in_burst;
        watched.wounded = false;
        if (burst && burst->losses.any() && watched.in_burst)
            watched.against = party_of(burst->culprit());
    }
    settled_ = now;
    for (auto& watched : watched_)
        if (watched.guarding != Guarding::never && (watched.in_burst || (watched.due && *watched.due <= now)))
            look_at(watched);
    for (auto& watched : watched_)
        if (const auto written = std::exchange(watched.unverified, std::nullopt))
            verify(watched, *written);
    if (burst)
        report_flush(*burst);
    hearing_.end_burst();
    deliver_reports();
}

void Keeper::look_now()
{
    for (auto& watched : watched_)
        watched.reported_decision.reset();
    look_soon();
    look();
}

// Before the decisions that it led to. What did no harm to the guarded set is not worth a line, unless not all was
// heard.
void Keeper::report_flush(const Burst& burst)
{
    const bool harmful = std::ranges::any_of(watched_, &Watched::wounded);
    if ((burst.losses.any() && harmful) || !burst.gaps.empty())
        reports_.insert(reports_.begin(), Settled{.at = settled_, .burst = burst});
}

void Keeper::look_at(Watched& watched)
{
    watched.in_burst = false;
    watched.due.reset();
    const auto deadline = parts_.clock.now() + trying_deadline;
    unsigned stale_commits = 0;
    while (look_once(watched, stale_commits) == Progress::again) {
        ++stale_commits;
        if (parts_.clock.now() < deadline)
            continue;
        report_trouble({repair::ErrorCode::unsettled,
                        fmt::format("{}: the ruleset moved on before each of {} commits; looking again when it rests",
                                    to_string(watched.desired.family), stale_commits)});
        return look_again_at(watched, parts_.clock.now() + settings_.policy.repair.settle);
    }
}

Keeper::Progress Keeper::look_once(Watched& watched, unsigned stale_commits)
{
    const auto used = backend_in_use();
    const auto snapshot = observe(watched.profile);
    if (!snapshot) {
        watched.diagnosis.reset();  // what cannot be looked at is not as it was last
        report_trouble(snapshot.error());
        const auto& repair = settings_.policy.repair;
        const bool unsettled = snapshot.error().code == repair::ErrorCode::unsettled;
        look_again_at(watched, parts_.clock.now() + (unsettled ? repair.settle_deadline : retry_interval));
        return Progress::done;
    }
    const auto elsewhere = look_elsewhere(watched.desired.family);
    learn_backend(watched, repair::diagnose(watched.desired, *snapshot), elsewhere ? &*elsewhere : nullptr);
    watched.looked = parts_.clock.now();
    // kubelet's chains are in the other place: that is what has to be looked at.
    if (backend_in_use() != used)
        return look_once(watched, stale_commits);
    take_in(watched, *snapshot);
    judge_answer(watched, repair::diagnose(watched.desired, *snapshot));
    const auto diagnosis = diagnose(watched.desired, *snapshot, elsewhere ? &*elsewhere : nullptr);
    watched.diagnosis = diagnosis;
    watched.wounded = diagnosis.anything_missing();
    watched.evidence.saw(watched.desired, diagnosis, parts_.clock.now());
    const auto decision = policies::decide(situation_of(watched, diagnosis), settings_.policy);
    return act(watched, diagnosis, decision, stale_commits);
}

Keeper::Progress Keeper::act(Watched& watched, const Diagnosis& diagnosis, const Decision& decision,
                             unsigned stale_commits)
{
    const auto plan = is_repair(decision) ? repair::make_plan(watched.desired, diagnosis, decision.scope)
                                          : Plan{.family = diagnosis.family, .steps = {}};
    report_decision(watched, diagnosis, decision, plan);
    look_again_at(watched, decision.look_again);
    if (plan.empty()) {
        watched.locked_out.reset();
        return Progress::done;
    }
    const auto progress = commit(watched, plan, decision, stale_commits);
    if (progress == Progress::done && decision.row == Row::monitor_silent)
        watched.evidence.missed_deadline();
    return progress;
}

Keeper::Progress Keeper::commit(Watched& watched, const Plan& plan, const Decision& decision, unsigned stale_commits)
{
    auto& backend = *parts_.backends.of(backend_in_use());
    repair::Recorder recorder{backend};
    auto& writer = decision.action == Action::repair ? backend : static_cast<repair::Backend&>(recorder);
    const auto outcome = writer.commit(plan);
    // A commit that broke off may have written a part, which is ours all the same.
    for (const auto& own : outcome.transactions) {
        hearing_.wrote(own);
        if (own.table)
            watched.evidence.wrote(repair::part_of(plan, *own.table));
    }
    if (outcome.kind == Outcome::Kind::stale)
        return Progress::again;
    if (outcome.kind == Outcome::Kind::lock_timeout) {
        wait_for_lock(watched, plan, outcome);
        return Progress::done;
    }
    const auto now = parts_.clock.now();
    const auto locked_out = std::exchange(watched.locked_out, std::nullopt);
    watched.limiter.spend(now);
    report(Committed{.at = now,
                     .plan = plan,
                     .outcome = outcome,
                     .stale_commits = stale_commits,
                     .lock_wait = locked_out ? now - *locked_out : Duration{}});
    if (outcome.kind == Outcome::Kind::failed)
        look_again_at(watched, now + retry_interval);
    if (outcome.kind == Outcome::Kind::committed) {
        watched.evidence.wrote(plan);
        watched.nudged = decision.scope.nudge;
        if (!watched.nudged)
            watched.in_vain.clear();
        watched.unverified = {.plan = plan, .scope = decision.scope};
    }
    return Progress::done;
}

// The lock is not waited for here: the loop has other work. Whoever has it is reported once, after lock_deadline.
void Keeper::wait_for_lock(Watched& watched, const Plan& plan, Outcome outcome)
{
    const auto now = parts_.clock.now();
    if (!watched.locked_out) {
        watched.locked_out = now;
        watched.lock_reported = false;
    }
    look_again_at(watched, now + lock_interval);
    const auto waited = now - *watched.locked_out;
    if (waited < settings_.policy.repair.lock_deadline || std::exchange(watched.lock_reported, true))
        return;
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(waited).count();
    outcome.detail = fmt::format("{} by {}, and has been for {} ms", outcome.detail,
                                 culprit_text(read_culprit(parts_.proc, outcome.lock_holder)), milliseconds);
    report(Committed{.at = now, .plan = plan, .outcome = std::move(outcome), .lock_wait = waited});
}

void Keeper::verify(Watched& watched, const Watched::Written& written)
{
    const auto snapshot = observe(watched.desired);
    if (!snapshot) {
        report_trouble(snapshot.error());
        return look_again_at(watched, parts_.clock.now() + retry_interval);
    }
    const auto elsewhere = look_elsewhere(watched.desired.family);
    const auto after = diagnose(watched.desired, *snapshot, elsewhere ? &*elsewhere : nullptr);
    watched.diagnosis = after;
    watched.evidence.saw(watched.desired, after, parts_.clock.now());
    report(Verified{.at = parts_.clock.now(),
                    .fulfilled = repair::fulfilled(written.plan, after),
                    .nudged = written.scope.nudge,
                    .after = after});
    // Somebody was quicker, or there was more to do than fits into one plan.
    if (!repair::make_plan(watched.desired, after, written.scope).empty())
        look_again_at(watched, parts_.clock.now() + settings_.policy.repair.settle);
}

void Keeper::report_decision(Watched& watched, const Diagnosis& diagnosis, const Decision& decision, const Plan& plan)
{
    const bool changed = watched.reported_decision != decision || watched.reported_findings != diagnosis.findings;
    const bool flushed = std::exchange(watched.flushed, false);
    if (!changed && !(flushed && !diagnosis.healthy()))
        return;
    watched.reported_decision = decision;
    watched.reported_findings = diagnosis.findings;
    const bool is_standoff = decision.row == Row::standoff;
    report(Decided{.at = parts_.clock.now(),
                   .diagnosis = diagnosis,
                   .decision = decision,
                   .plan = plan,
                   .monitor = watched.evidence.monitor(),
                   .source = watched.evidence.source(),
                   .backend = settings_.backend.describe(),
                   .standoff_against = is_standoff ? watched.against : "",
                   .standoff_until =
                       is_standoff ? std::optional{parts_.clock.wall_of(*decision.look_again)} : std::nullopt});
}

void Keeper::report(Report report)
{
    reports_.push_back(std::move(report));
}

void Keeper::deliver_reports()
{
    for (const auto& report : std::exchange(reports_, {}))
        parts_.sink.report(report);
}

void Keeper::report_trouble(const repair::Error& error)
{
    report(Trouble{.at = parts_.clock.now(), .what = error.what});
}

void Keeper::look_again_at(Watched& watched, std::optional<Instant> instant)
{
    if (instant && (!watched.due || *instant < *watched.due))
        watched.due = instant;
}

}  // namespace chainkeeper::daemon
