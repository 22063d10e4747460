// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/metrics/counters.hpp"

namespace chainkeeper::daemon::metrics {

namespace {

using repair::Outcome;

constexpr std::string_view other = "other";

void add_number(Exposition& exposition, std::string_view metric, const Labels& labels, std::uint64_t number)
{
    exposition.add(metric, labels, static_cast<double>(number));
}

}  // namespace

std::string culprit_label(const Culprit& culprit)
{
    const auto& unit = culprit.unit;
    if (unit.empty())
        return "unknown";
    const auto dot = unit.rfind('.');
    if (dot == std::string::npos)
        return unit;
    if (unit.substr(dot) == ".scope" || unit.substr(dot) == ".slice")
        return "*" + unit.substr(dot);
    // systemd-run names them by a number.
    if (unit.starts_with("run-") && unit.substr(dot) == ".service")
        return "run-*.service";
    const auto at = unit.find('@');
    return at < dot ? unit.substr(0, at + 1) + unit.substr(dot) : unit;
}

// What has not happened yet is shown as 0, so that the first time is an increase.
Counters::Counters() : stages_{{"settled", {}}, {"decided", {}}, {"committed", {}}, {"verified", {}}}
{
    for (const auto family : repair::all_families)
        unfulfilled_[family] = 0;
}

void Counters::report(const Report& report)
{
    if (const auto* const settled = std::get_if<Settled>(&report))
        hear(*settled);
    else if (const auto* const decided = std::get_if<Decided>(&report))
        hear(*decided);
    else if (const auto* const committed = std::get_if<Committed>(&report))
        hear(*committed);
    else if (const auto* const verified = std::get_if<Verified>(&report))
        hear(*verified);
    else if (std::holds_alternative<Trouble>(report))
        ++troubles_;
}

void Counters::hear(const Settled& settled)
{
    const auto& burst = settled.burst;
    gaps_ += burst.gaps.size();
    if (!burst.losses.any())
        return;
    auto culprit = culprit_label(burst.culprit());
    if (!flushes_.contains(culprit) && flushes_.size() >= most_culprits)
        culprit = other;
    ++flushes_[culprit];
    stages_["settled"].observe(settled.at - burst.first);
    for (const auto family : repair::all_families)
        flushed_[family] = {.began = burst.first, .settled = settled.at, .decided = false};
}

void Counters::hear(const Decided& decided)
{
    const auto family = decided.diagnosis.family;
    const auto flush = flushed_.find(family);
    if (flush != flushed_.end() && is_repair(decided.decision))
        stages_["decided"].observe(decided.at - flush->second.settled);
    if (flush != flushed_.end())
        flush->second.decided = true;
    // kubelet was quicker.
    if (decided.diagnosis.healthy())
        flushed_.erase(family);
    decided_[family] = decided;
}

void Counters::hear(const Committed& committed)
{
    const auto family = committed.plan.family;
    const auto decided = decided_.find(family);
    const auto decision = decided == decided_.end() ? std::string{} : to_string(decided->second.decision);
    ++repairs_[{family, decision, to_string(committed.outcome.kind)}];
    stale_commits_ += committed.stale_commits;
    if (committed.lock_wait > Duration{} && committed.outcome.kind != Outcome::Kind::lock_timeout)
        lock_wait_.observe(committed.lock_wait);
    if (committed.outcome.kind == Outcome::Kind::lock_timeout)
        return;  // it is tried again
    const auto flush = flushed_.extract(family);
    if (committed.outcome.kind != Outcome::Kind::committed)
        return;
    committed_[family] = committed.at;
    if (flush.empty() || decided == decided_.end())
        return;
    stages_["committed"].observe(committed.at - decided->second.at);
    recovery_.observe(committed.at - flush.mapped().began);
}

void Counters::hear(const Verified& verified)
{
    const auto family = verified.after.family;
    if (const auto committed = committed_.extract(family); !committed.empty())
        stages_["verified"].observe(verified.at - committed.mapped());
    if (!verified.fulfilled)
        ++unfulfilled_[family];
}

// A family of which nothing was reported has lost nothing.
void Counters::end_of_look()
{
    std::erase_if(flushed_, [](const auto& flush) { return !flush.second.decided; });
}

void Counters::add_to(Exposition& exposition) const
{
    for (const auto& [culprit, count] : flushes_)
        add_number(exposition, "chainkeeper_flushes_total", {{"unit", culprit}}, count);
    add_number(exposition, "chainkeeper_gaps_total", {}, gaps_);
    for (const auto& [key, count] : repairs_) {
        const auto& [family, decision, result] = key;
        const Labels labels{
            {"family", std::string{to_string(family)}}, {"decision", decision}, {"result", std::string{result}}};
        add_number(exposition, "chainkeeper_repairs_total", labels, count);
    }
    for (const auto& [family, count] : unfulfilled_)
        add_number(exposition, "chainkeeper_repairs_unfulfilled_total", {{"family", std::string{to_string(family)}}},
                   count);
    add_number(exposition, "chainkeeper_stale_commits_total", {}, stale_commits_);
    add_number(exposition, "chainkeeper_troubles_total", {}, troubles_);
    for (const auto& [stage, histogram] : stages_)
        exposition.add("chainkeeper_stage_seconds", {{"stage", std::string{stage}}}, histogram);
    exposition.add("chainkeeper_recovery_seconds", {}, recovery_);
    exposition.add("chainkeeper_lock_wait_seconds", {}, lock_wait_);
}

}  // namespace chainkeeper::daemon::metrics
