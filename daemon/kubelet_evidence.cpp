// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet_evidence.hpp"

#include <algorithm>

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

}  // namespace

std::string_view to_string(KubeletEvidence::Source source)
{
    switch (source) {
    case Source::none: return "none";
    case Source::assumed: return "assumed";
    case Source::presence: return "presence";
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
    state_.monitor = monitor;
    state_.source = source;
}

void KubeletEvidence::saw(const repair::DesiredState& desired, const repair::Diagnosis& diagnosis, Instant flushed_at)
{
    const bool canary_was_missing = state_.canary_missing_since.has_value();
    bool sign_of_kubelet = false;
    for (const auto& chain : desired.chains) {
        const std::pair name{chain.table, chain.name};
        if (is_missing_chain(diagnosis, chain))
            state_.ours.erase(name);
        else
            sign_of_kubelet = sign_of_kubelet || !state_.ours.contains(name);
    }
    if (!diagnosis.mangle_canary_missing())
        state_.canary_missing_since.reset();
    else if (!canary_was_missing)
        state_.canary_missing_since = flushed_at;
    const std::pair mangle_canary{repair::Table::mangle, std::string{repair::kubelet_canary}};
    const bool canary_came_back =
        canary_was_missing && !state_.canary_missing_since && !state_.ours.contains(mangle_canary);
    if (canary_came_back || (sign_of_kubelet && state_.source == Source::none))
        conclude(Monitor::alive, Source::presence);
}

void KubeletEvidence::wrote(const repair::Plan& plan)
{
    for (const auto& step : plan.steps)
        if (const auto* const creation = std::get_if<repair::CreateChain>(&step))
            state_.ours.emplace(creation->table, creation->chain);
}

void KubeletEvidence::missed_deadline()
{
    conclude(Monitor::dead, Source::deadline);
}

std::optional<Instant> KubeletEvidence::deadline() const
{
    if (!state_.canary_missing_since)
        return std::nullopt;
    return *state_.canary_missing_since + timing_.monitor_interval + timing_.flush_wait + timing_.slack;
}

std::optional<Instant> KubeletEvidence::initialising_until() const
{
    if (state_.source != Source::none)
        return std::nullopt;
    return started_ + timing_.init_grace;
}

}  // namespace chainkeeper::daemon
