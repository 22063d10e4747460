// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet_evidence.hpp"

#include <algorithm>
#include <utility>

namespace chainkeeper::daemon {

namespace {

using policies::Monitor;
using Source = KubeletEvidence::Source;

bool is_missing_chain(const repair::Diagnosis& diagnosis, const repair::DesiredChain& chain)
{
    return std::ranges::any_of(diagnosis.findings, [&](const repair::Finding& finding) {
        return finding.kind == repair::FindingKind::chain_missing && finding.table == chain.table &&
               finding.chain == chain.name;
    });
}

std::pair<repair::Table, std::string> mangle_canary()
{
    return {repair::Table::mangle, std::string{repair::kubelet_canary}};
}

}  // namespace

std::string_view to_string(KubeletEvidence::Source source)
{
    switch (source) {
    case Source::none: return "none";
    case Source::assumed: return "assumed";
    case Source::presence: return "presence";
    case Source::journal: return "journal";
    case Source::deadline: return "deadline";
    }
    return "unknown";
}

KubeletEvidence::KubeletEvidence(KubeletTiming timing, Instant started, std::optional<Monitor> assumed)
    : timing_{timing}, started_{started}
{
    if (assumed)
        conclude(*assumed, Source::assumed);
}

void KubeletEvidence::conclude(Monitor monitor, Source source)
{
    if (state_.source == Source::assumed)
        return;
    state_.monitor = monitor;
    state_.source = source;
}

// What another instance did says nothing of this one; what is missing from the ruleset is still missing.
void KubeletEvidence::forget()
{
    conclude(Monitor::unknown, Source::none);
    state_.init_reported = false;
    state_.left_out.clear();
}

void KubeletEvidence::instance_began(const std::string& invocation, Instant since)
{
    if (state_.invocation == invocation)
        return;
    forget();
    state_.invocation = invocation;
    state_.instance_since = since;
}

void KubeletEvidence::instance_ended()
{
    if (state_.invocation.empty())
        return;
    forget();
    state_.invocation.clear();
    state_.instance_since.reset();
}

void KubeletEvidence::init_reported(bool succeeded)
{
    if (std::exchange(state_.init_reported, true))
        return;
    conclude(succeeded ? Monitor::alive : Monitor::dead, Source::journal);
}

bool KubeletEvidence::shows_foreign_chain(const repair::DesiredState& desired, const repair::Diagnosis& diagnosis) const
{
    return std::ranges::any_of(desired.chains, [&](const repair::DesiredChain& chain) {
        const bool is_ours = state_.ours.contains({chain.table, chain.name});
        return !is_ours && !is_missing_chain(diagnosis, chain);
    });
}

void KubeletEvidence::saw(const repair::DesiredState& desired, const repair::Diagnosis& diagnosis, Instant at)
{
    const bool is_another = std::exchange(state_.generation, diagnosis.generation) != diagnosis.generation;
    if (std::exchange(restored_, false) && is_another)
        lost_sight(at);
    for (const auto& chain : desired.chains)
        if (is_missing_chain(diagnosis, chain))
            state_.ours.erase({chain.table, chain.name});
    const bool is_canary_ours = state_.ours.contains(mangle_canary());
    if (diagnosis.mangle_canary_missing())
        state_.canary_missing_since = state_.canary_missing_since.value_or(at);
    else if (state_.canary_missing_since && !is_canary_ours)
        heard_canary_added();
    else
        state_.canary_missing_since.reset();
    if (state_.source == Source::none && shows_foreign_chain(desired, diagnosis))
        conclude(Monitor::alive, Source::presence);
}

void KubeletEvidence::heard_canary_deleted(Instant at)
{
    state_.ours.erase(mangle_canary());
    state_.canary_missing_since = state_.canary_missing_since.value_or(at);
}

void KubeletEvidence::heard_canary_added()
{
    state_.canary_missing_since.reset();
    if (state_.monitor != Monitor::alive)
        conclude(Monitor::alive, Source::presence);
}

void KubeletEvidence::lost_sight(Instant at)
{
    if (state_.canary_missing_since)
        state_.canary_missing_since = at;
}

void KubeletEvidence::wrote(const repair::Plan& plan)
{
    for (const auto& step : plan.steps)
        if (const auto* const creation = std::get_if<repair::CreateChain>(&step))
            state_.ours.emplace(creation->table, creation->chain);
}

void KubeletEvidence::missed_deadline()
{
    conclude(state_.invocation.empty() ? Monitor::unknown : Monitor::dead, Source::deadline);
}

std::optional<Instant> KubeletEvidence::deadline() const
{
    const bool never_seen = state_.source == Source::none && !state_.instance_since;
    if (!state_.canary_missing_since || never_seen)
        return std::nullopt;
    return std::max(*state_.canary_missing_since, state_.instance_since.value_or(Instant::min())) + patience();
}

std::optional<Instant> KubeletEvidence::initialising_until() const
{
    if (state_.source == Source::assumed || state_.init_reported)
        return std::nullopt;
    if (state_.instance_since)
        return *state_.instance_since + timing_.init_grace;
    return state_.source == Source::none ? std::optional{started_ + timing_.init_grace} : std::nullopt;
}

}  // namespace chainkeeper::daemon
