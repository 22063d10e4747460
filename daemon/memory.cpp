// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/memory.hpp"

#include "daemon/evidence_json.hpp"
#include "daemon/state_file.hpp"
#include "policies/text_file.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace chainkeeper::daemon {

namespace {

// An assumption is for one run alone.
bool is_assumed(const Keeper::Evidence& evidence)
{
    return std::ranges::any_of(
        evidence, [](const auto& known) { return known.second.source == KubeletEvidence::Source::assumed; });
}

}  // namespace

Memory::Memory(const std::filesystem::path& runtime_directory, std::filesystem::path state_directory)
    : evidence_file_{runtime_directory / "evidence.json"}, state_directory_{std::move(state_directory)},
      kept_backend_{remembered_backend(state_directory_)}
{
}

void Memory::recall(Keeper& keeper, ReportSink& sink, Instant now) const
{
    const auto text = policies::read_text_file(evidence_file_);
    if (!text)
        return;  // the first start since the boot
    if (const auto evidence = evidence_from_json(*text, evidence_scope(), now))
        return keeper.restore_evidence(*evidence);
    sink.report(
        Notice{.at = now,
               .what = fmt::format("{} holds nothing that can be used; starting without", evidence_file_.string())});
}

void Memory::keep(const Keeper& keeper, ReportSink& sink, Instant now)
{
    if (auto evidence = keeper.evidence(); !is_assumed(evidence) && evidence != kept_evidence_) {
        if (note(write_state_file(evidence_file_, to_json(evidence, evidence_scope())), sink, now))
            kept_evidence_ = std::move(evidence);
    }
    const auto& backend = keeper.backend_evidence();
    if (backend.remembered && backend.remembered != kept_backend_)
        if (note(remember_backend(state_directory_, *backend.remembered), sink, now))
            kept_backend_ = backend.remembered;
}

// Reports the first of a run of failures.
bool Memory::note(const repair::Result<void>& written, ReportSink& sink, Instant now)
{
    const bool noted = std::exchange(failure_noted_, !written);
    if (written || noted)
        return written.has_value();
    sink.report(Trouble{
        .at = now, .what = fmt::format("{}; a restart will not know what was known before", written.error().what)});
    return false;
}

}  // namespace chainkeeper::daemon
