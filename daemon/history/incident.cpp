// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/history/incident.hpp"

#include "daemon/report_text.hpp"
#include "daemon/short_text.hpp"

#include <algorithm>
#include <utility>

namespace chainkeeper::daemon {

namespace {

using policies::Action;
using repair::Outcome;

constexpr std::size_t most_gaps = 8;
constexpr std::size_t most_moments = 64;
constexpr std::size_t first_moments = 16;   // of those: a long wait leaves out what is in its middle
constexpr std::size_t longest_text = 1024;  // of one moment, finding or gap

// Not all that is deleted is of the guarded set: a gap is reported with whatever was lost meanwhile.
bool is_flush(const Settled& settled)
{
    return settled.burst.losses.any() && (settled.burst.worst || settled.burst.gaps.empty());
}

bool is_named(const Culprit& culprit)
{
    return !culprit.unit.empty() || !culprit.comm.empty();
}

// Worth keeping until the look has ended, whatever comes of it.
bool may_begin(const Report& report)
{
    const auto* const decided = std::get_if<Decided>(&report);
    return std::holds_alternative<Heard>(report) || std::holds_alternative<Settled>(report) ||
           std::holds_alternative<Committed>(report) || std::holds_alternative<KubeletNews>(report) ||
           (decided != nullptr && decided->decision.action != Action::none);
}

Incident::Family family_of(const Decided& decided)
{
    const auto& findings = decided.diagnosis.findings;
    const auto count = std::min(findings.size(), most_findings);
    Incident::Family family{.family = decided.diagnosis.family,
                            .decision = decided.decision,
                            .monitor = decided.monitor,
                            .source = decided.source,
                            .findings = {},
                            .findings_omitted = findings.size() - count,
                            .steps = decided.plan.steps.size()};
    family.findings.reserve(count);
    for (std::size_t index = 0; index < count; ++index)
        family.findings.push_back(short_text(describe(family.family, findings[index]), longest_text));
    return family;
}

}  // namespace

void IncidentGatherer::add(const Report& report, Instant now, WallTime wall)
{
    if (!incident_ && !may_begin(report))
        return;
    const auto wall_ahead = wall.time_since_epoch() - now.time_since_epoch();
    if (!incident_) {
        incident_.emplace();
        incident_->began = instant_of(report);
        incident_->began_wall = WallTime{incident_->began.time_since_epoch() + wall_ahead};
    }
    add_moment(report);
    if (std::holds_alternative<Heard>(report))
        note_beginning(instant_of(report), wall_ahead);
    if (const auto* const settled = std::get_if<Settled>(&report)) {
        note_beginning(settled->burst.first, wall_ahead);
        hear(*settled);
    } else if (const auto* const decided = std::get_if<Decided>(&report)) {
        decide(*decided);
    } else if (const auto* const committed = std::get_if<Committed>(&report)) {
        commit(*committed);
    } else if (const auto* const verified = std::get_if<Verified>(&report)) {
        family(verified->after.family).verified = verified->fulfilled;
    }
}

void IncidentGatherer::add_moment(const Report& report)
{
    auto& timeline = incident_->timeline;
    timeline.push_back({.at = instant_of(report),
                        .event = event_of(report),
                        .text = short_text(lines_of(report).front().text, longest_text)});
    if (timeline.size() <= most_moments)
        return;
    timeline.erase(timeline.begin() + first_moments);
    ++incident_->moments_omitted;
}

void IncidentGatherer::note_beginning(Instant began, Duration wall_ahead)
{
    if (std::exchange(has_beginning_, true))
        return;
    incident_->began = began;
    incident_->began_wall = WallTime{began.time_since_epoch() + wall_ahead};
}

void IncidentGatherer::hear(const Settled& settled)
{
    const auto& burst = settled.burst;
    flushed_ = flushed_ || is_flush(settled);
    incident_->lost += burst.losses;
    incident_->transactions += burst.generation_count;
    for (const auto& gap : burst.gaps)
        if (incident_->gaps.size() < most_gaps)
            incident_->gaps.push_back(short_text(gap, longest_text));
    auto culprit = burst.culprit();
    const auto loss = (burst.worst ? burst.worst->losses : burst.losses).all();
    if (!is_named(culprit) || loss <= worst_loss_)
        return;
    worst_loss_ = loss;
    incident_->culprit = std::move(culprit);
}

void IncidentGatherer::decide(const Decided& decided)
{
    const auto action = decided.decision.action;
    // A repair with nothing to write leaves it to kubelet.
    const bool leaves_it = is_repair(decided.decision) && decided.plan.empty();
    acted_ = acted_ || (action != Action::none && action != Action::wait && !leaves_it);
    decided_.insert_or_assign(decided.diagnosis.family, family_of(decided));
    family(decided.diagnosis.family) = decided_.at(decided.diagnosis.family);
}

void IncidentGatherer::commit(const Committed& committed)
{
    const auto kind = committed.outcome.kind;
    acted_ = acted_ || kind == Outcome::Kind::committed || kind == Outcome::Kind::recorded;
    auto& entry = family(committed.plan.family);
    entry.steps = committed.plan.steps.size();
    entry.outcome = committed.outcome;
    entry.stale_commits = committed.stale_commits;
}

Incident::Family& IncidentGatherer::family(repair::Family name)
{
    auto& families = incident_->families;
    if (const auto found = std::ranges::find(families, name, &Incident::Family::family); found != families.end())
        return *found;
    const auto decided = decided_.find(name);
    return families.emplace_back(decided == decided_.end() ? Incident::Family{.family = name} : decided->second);
}

bool IncidentGatherer::waits() const
{
    return incident_ && std::ranges::any_of(incident_->families, [](const Incident::Family& each) {
               return each.decision.action == Action::wait;
           });
}

std::optional<Incident> IncidentGatherer::end_of_look()
{
    if (std::exchange(acted_, false))
        return take();
    if (waits())
        return std::nullopt;
    return end();
}

std::optional<Incident> IncidentGatherer::end()
{
    if (flushed_ || acted_)
        return take();
    take();
    return std::nullopt;
}

std::optional<Incident> IncidentGatherer::take()
{
    acted_ = false;
    flushed_ = false;
    has_beginning_ = false;
    worst_loss_ = 0;
    auto incident = std::exchange(incident_, std::nullopt);
    if (incident)
        std::ranges::stable_sort(incident->timeline, {}, &Incident::Moment::at);
    return incident;
}

}  // namespace chainkeeper::daemon
