// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/keeper.hpp"

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

bool is_repair(const Decision& decision)
{
    return decision.action == Action::repair || decision.action == Action::would_repair;
}

bool is_mangle_canary(const repair::nft::Change& change)
{
    using Kind = repair::nft::Change::Kind;
    const bool is_chain =
        change.kind == Kind::chain_added || change.kind == Kind::chain_changed || change.kind == Kind::chain_deleted;
    return is_chain && change.table == to_string(repair::Table::mangle) && change.chain == repair::kubelet_canary;
}

}  // namespace

Keeper::Keeper(Parts parts, Settings settings)
    : parts_{parts}, settings_{std::move(settings)}, names_{settings_.desired}
{
    for (const auto& desired : settings_.desired)
        watched_.push_back({.desired = &desired,
                            .evidence = {settings_.timing, parts.clock.now(), settings_.assumed_monitor},
                            .due = parts.clock.now()});
}

void Keeper::hear(const repair::nft::Event& event)
{
    if (const auto* const change = std::get_if<repair::nft::Change>(&event))
        return hear_change(*change);
    hear_generation(std::get<repair::nft::Generation>(event));
}

void Keeper::hear_change(const repair::nft::Change& change)
{
    using Kind = repair::nft::Change::Kind;
    if (names_.touched_by(change))
        transaction_.touched.insert(change.family);
    if (is_mangle_canary(change))
        transaction_.canaries[change.family] = change.kind != Kind::chain_deleted;
    if (!names_.is_loss(change))
        return;
    transaction_.losses += {.tables = change.kind == Kind::table_deleted ? 1U : 0U,
                            .chains = change.kind == Kind::chain_deleted ? 1U : 0U,
                            .rules = change.kind == Kind::rule_deleted ? 1U : 0U};
}

void Keeper::hear_generation(const repair::nft::Generation& generation)
{
    const auto transaction = std::exchange(transaction_, {});
    notice_missed_generation(generation.id);
    const bool is_ours = our_generations_.contains(generation.id);
    std::erase_if(our_generations_, [&](std::uint32_t ours) { return ours <= generation.id; });
    if (is_ours || (transaction.touched.empty() && !burst_))
        return;
    GenerationHeard heard{.id = generation.id,
                          .culprit = {.pid = generation.pid, .comm = std::string{generation.comm}},
                          .at = parts_.clock.now(),
                          .losses = transaction.losses,
                          .touched_guarded = !transaction.touched.empty()};
    hear_canaries(transaction, heard.at);
    const bool is_first = !burst_;
    auto& burst = open_burst();
    if (is_first)
        parts_.sink.report(Heard{.at = heard.at, .generation = heard});
    burst.add(heard);
    for (auto& watched : watched_)
        watched.in_burst = watched.in_burst || transaction.touched.contains(watched.desired->family);
}

void Keeper::hear_canaries(const Transaction& transaction, Instant at)
{
    for (auto& watched : watched_) {
        const auto canary = transaction.canaries.find(watched.desired->family);
        if (canary == transaction.canaries.end())
            continue;
        if (canary->second)
            watched.evidence.heard_canary_added();
        else
            watched.evidence.heard_canary_deleted(at);
    }
}

// Every transaction has the number after the one before it, so a number left out is a transaction not heard.
void Keeper::notice_missed_generation(std::uint32_t id)
{
    const auto last = std::exchange(last_generation_, id);
    if (last && repair::generation_after(*last) != id)
        hear_gap(fmt::format("generations {} to {} were not heard", repair::generation_after(*last), id - 1));
}

void Keeper::hear_gap(const std::string& reason)
{
    transaction_ = {};
    auto& burst = open_burst();
    burst.last = parts_.clock.now();
    burst.add_gap(reason);
    for (auto& watched : watched_)
        watched.in_burst = true;
}

Burst& Keeper::open_burst()
{
    if (!burst_) {
        const auto now = parts_.clock.now();
        burst_ = Burst{.first = now, .last = now, .worst = std::nullopt, .losses = {}, .gaps = {}};
    }
    return *burst_;
}

Instant Keeper::settled_at() const
{
    const auto& repair = settings_.policy.repair;
    return std::min(burst_->last + repair.settle, burst_->first + repair.settle_deadline);
}

std::optional<Instant> Keeper::next_look() const
{
    if (burst_)
        return settled_at();
    std::optional<Instant> next;
    for (const auto& watched : watched_)
        if (watched.due && (!next || *watched.due < *next))
            next = watched.due;
    return next;
}

void Keeper::look()
{
    const auto now = parts_.clock.now();
    if (burst_ && now < settled_at())
        return;
    const bool flushed = burst_ && (burst_->losses.any() || !burst_->gaps.empty());
    for (auto& watched : watched_) {
        watched.flushed = flushed && watched.in_burst;
        watched.wounded = false;
    }
    settled_ = now;
    for (auto& watched : watched_)
        if (watched.in_burst || (watched.due && *watched.due <= now))
            look_at(watched);
    for (auto& watched : watched_)
        if (const auto written = std::exchange(watched.unverified, std::nullopt))
            verify(watched, *written);
    report_flush();
    burst_.reset();
    deliver_reports();
}

// Before the decisions that it led to. What did no harm to the guarded set is not worth a line, unless not all was
// heard.
void Keeper::report_flush()
{
    const bool harmful = std::ranges::any_of(watched_, &Watched::wounded);
    if (burst_ && ((burst_->losses.any() && harmful) || !burst_->gaps.empty()))
        reports_.insert(reports_.begin(), Settled{.at = settled_, .burst = *burst_});
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
                                    to_string(watched.desired->family), stale_commits)});
        return look_again_at(watched, parts_.clock.now() + settings_.policy.repair.settle);
    }
}

Keeper::Progress Keeper::look_once(Watched& watched, unsigned stale_commits)
{
    const auto snapshot = parts_.backend.observe(*watched.desired);
    if (!snapshot) {
        report_trouble(snapshot.error());
        const auto& repair = settings_.policy.repair;
        const bool unsettled = snapshot.error().code == repair::ErrorCode::unsettled;
        look_again_at(watched, parts_.clock.now() + (unsettled ? repair.settle_deadline : retry_interval));
        return Progress::done;
    }
    const auto diagnosis = repair::diagnose(*watched.desired, *snapshot);
    if (watched.evidence.shows_foreign_chain(*watched.desired, diagnosis))
        settings_.backend.chains_in_nft = true;
    watched.wounded = diagnosis.anything_missing();
    watched.evidence.saw(*watched.desired, diagnosis, parts_.clock.now());
    const auto decision = policies::decide(situation_of(watched, diagnosis), settings_.policy);
    return act(watched, diagnosis, decision, stale_commits);
}

Keeper::Progress Keeper::act(Watched& watched, const Diagnosis& diagnosis, const Decision& decision,
                             unsigned stale_commits)
{
    const auto plan = is_repair(decision) ? repair::make_plan(*watched.desired, diagnosis, decision.scope)
                                          : Plan{.family = diagnosis.family, .steps = {}};
    report_decision(watched, diagnosis, decision, plan);
    look_again_at(watched, decision.look_again);
    if (plan.empty())
        return Progress::done;
    const auto progress = commit(watched, plan, decision.scope, stale_commits);
    if (progress == Progress::done && decision.row == Row::monitor_silent)
        watched.evidence.missed_deadline();
    return progress;
}

Keeper::Progress Keeper::commit(Watched& watched, const Plan& plan, repair::Scope scope, unsigned stale_commits)
{
    const auto outcome = parts_.backend.commit(plan);
    if (outcome.kind == Outcome::Kind::stale)
        return Progress::again;
    report(Committed{.at = parts_.clock.now(), .plan = plan, .outcome = outcome, .stale_commits = stale_commits});
    if (outcome.kind == Outcome::Kind::failed)
        look_again_at(watched, parts_.clock.now() + retry_interval);
    if (outcome.kind == Outcome::Kind::committed) {
        our_generations_.insert(outcome.generation);
        watched.evidence.wrote(plan);
        watched.unverified = {.plan = plan, .scope = scope};
    }
    return Progress::done;
}

void Keeper::verify(Watched& watched, const Watched::Written& written)
{
    const auto snapshot = parts_.backend.observe(*watched.desired);
    if (!snapshot) {
        report_trouble(snapshot.error());
        return look_again_at(watched, parts_.clock.now() + retry_interval);
    }
    const auto after = repair::diagnose(*watched.desired, *snapshot);
    watched.evidence.saw(*watched.desired, after, parts_.clock.now());
    report(Verified{.at = parts_.clock.now(), .fulfilled = repair::fulfilled(written.plan, after), .after = after});
    // Somebody was quicker, or there was more to do than fits into one plan.
    if (!repair::make_plan(*watched.desired, after, written.scope).empty())
        look_again_at(watched, parts_.clock.now() + settings_.policy.repair.settle);
}

policies::Situation Keeper::situation_of(const Watched& watched, Diagnosis diagnosis) const
{
    policies::Situation situation{.now = parts_.clock.now(),
                                  .diagnosis = std::move(diagnosis),
                                  .write_free = settings_.dry_run,
                                  .backend_certain = settings_.backend.backend() == KnownBackend::nft,
                                  .units = std::nullopt,
                                  .monitor = watched.evidence.monitor(),
                                  .initialising_until = watched.evidence.initialising_until(),
                                  .monitor_deadline = watched.evidence.deadline(),
                                  .first_generation = std::nullopt,
                                  .last_generation = std::nullopt,
                                  .standoff_until = std::nullopt};
    if (burst_) {
        situation.first_generation = burst_->first;
        situation.last_generation = burst_->last;
    }
    return situation;
}

void Keeper::report_decision(Watched& watched, const Diagnosis& diagnosis, const Decision& decision, const Plan& plan)
{
    const bool changed = watched.reported_decision != decision || watched.reported_findings != diagnosis.findings;
    const bool flushed = std::exchange(watched.flushed, false);
    if (!changed && !(flushed && !diagnosis.healthy()))
        return;
    watched.reported_decision = decision;
    watched.reported_findings = diagnosis.findings;
    report(Decided{.at = parts_.clock.now(),
                   .diagnosis = diagnosis,
                   .decision = decision,
                   .plan = plan,
                   .monitor = watched.evidence.monitor(),
                   .source = watched.evidence.source(),
                   .backend = settings_.backend.describe()});
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

Keeper::Evidence Keeper::evidence() const
{
    Evidence evidence;
    for (const auto& watched : watched_)
        evidence.emplace(watched.desired->family, watched.evidence.state());
    return evidence;
}

void Keeper::restore_evidence(const Evidence& evidence)
{
    for (auto& watched : watched_)
        if (const auto found = evidence.find(watched.desired->family); found != evidence.end())
            watched.evidence.restore(found->second);
}

}  // namespace chainkeeper::daemon
