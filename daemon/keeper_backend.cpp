// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/keeper.hpp"

#include "repair/diagnose.hpp"

#include <algorithm>

// Which of the two backends kubelet uses, by what is to be seen in both of them.
namespace chainkeeper::daemon {

namespace {

const std::string hint = "KUBE-IPTABLES-HINT";

// What tells that kubelet was there: all of its versions make these two.
repair::DesiredState traces(repair::Family family)
{
    repair::DesiredState traces{.family = family, .chains = {}, .jumps = {}};
    for (const auto& chain : {hint, std::string{repair::kubelet_canary}})
        traces.chains.push_back({.table = repair::Table::mangle, .name = chain, .rules = {}, .tolerated = {}});
    return traces;
}

}  // namespace

// While it is not known nothing is written, and the place to look at is where kubelet's chains were last, or are.
KnownBackend Keeper::backend_in_use() const
{
    const auto& known = settings_.backend;
    auto likely = known.iptables_says.value_or(KnownBackend::nft);
    if (known.present.size() == 1)
        likely = *known.present.begin();
    likely = known.backend().value_or(known.remembered.value_or(likely));
    return parts_.backends.of(likely) != nullptr ? likely : other_than(likely);
}

repair::Result<repair::Snapshot> Keeper::observe(const repair::DesiredState& desired) const
{
    return parts_.backends.of(backend_in_use())->observe(desired);
}

// In the backend that is not used. Nothing where there is none, and where it cannot be looked at: what is not seen
// there misleads nobody.
std::optional<repair::Snapshot> Keeper::look_elsewhere(repair::Family family) const
{
    auto* const backend = parts_.backends.of(other_than(backend_in_use()));
    if (backend == nullptr)
        return std::nullopt;
    const auto snapshot = backend->observe(traces(family));
    return snapshot ? std::optional{*snapshot} : std::nullopt;
}

repair::Diagnosis Keeper::diagnose(const repair::DesiredState& desired, const repair::Snapshot& snapshot,
                                   const repair::Snapshot* elsewhere) const
{
    auto diagnosis = repair::diagnose(desired, snapshot);
    const bool certain = settings_.backend.backend() == backend_in_use();
    if (certain && elsewhere != nullptr && elsewhere->find(repair::Table::mangle, hint) != nullptr)
        diagnosis.findings.push_back({.kind = repair::FindingKind::hint_in_wrong_backend,
                                      .table = repair::Table::mangle,
                                      .chain = hint,
                                      .expressions = std::string{place_of(other_than(backend_in_use()))}});
    return diagnosis;
}

void Keeper::learn_backend(Watched& watched, const repair::Diagnosis& diagnosis, const repair::Snapshot* elsewhere)
{
    auto& known = settings_.backend;
    const auto used = backend_in_use();
    std::set<KnownBackend> present;
    if (watched.evidence.shows_foreign_chain(watched.desired, diagnosis))
        present.insert(used);
    if (elsewhere != nullptr && !elsewhere->chains.empty())
        present.insert(other_than(used));
    // kubelet, whose iptables has changed, has made its chains anew.
    for (const auto backend : present)
        if (watched.looked && !watched.present.contains(backend) && known.iptables_says == backend)
            known.remembered = backend;
    watched.present = std::move(present);
    known.present.clear();
    for (const auto& each : watched_)
        known.present.insert(each.present.begin(), each.present.end());
    // What was seen once is not forgotten with a flush, or `iptables -V` would be left to decide alone.
    const bool is_alone = known.present.size() == 1;
    if (is_alone && (!known.remembered || known.backend() == *known.present.begin()))
        known.remembered = *known.present.begin();
}

}  // namespace chainkeeper::daemon
