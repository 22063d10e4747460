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
    case Source::deadline: return "deadline";
    }
    return "unknown";
}

KubeletEvidence::KubeletEvidence(KubeletTiming timing, Instant started, std::optional<Monitor> assumed)
    : timing_{timing}, started_{started}
{
    if (assumed)
        state_ = {.monitor = *assumed, .source = Source::assumed, .ours = {}, .canary_missing_since = std::nullopt};
}

void KubeletEvidence::conclude(Monitor monitor, Source source)
{
    if (state_.source == Source::assumed)
        return;
    state_.monitor = monitor;
    state_.source = source;
}

bool KubeletEvidence::shows_foreign_chain(const repair::DesiredState& desired, const repair::Diagnosis& diagnosis) const
{
    return std::ranges::any_of(desired.chains, [&](const repair::DesiredChain& chain) {
        return !is_missing_chain(diagnosis, chain) && !state_.ours.contains({chain.table, chain.name});
    });
}

void KubeletEvidence::saw(const repair::DesiredState& desired, const repair::Diagnosis& diagnosis, Instant at)
{
    for (const auto& chain : desired.chains)
        if (is_missing_chain(diagnosis, chain))
            state_.ours.erase({chain.table, chain.name});
    if (diagnosis.mangle_canary_missing())
        state_.canary_missing_since = state_.canary_missing_since.value_or(at);
    else if (state_.canary_missing_since && !state_.ours.contains(mangle_canary()))
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
    conclude(Monitor::unknown, Source::deadline);
}

std::optional<Instant> KubeletEvidence::deadline() const
{
    if (!state_.canary_missing_since || state_.source == Source::none)
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
