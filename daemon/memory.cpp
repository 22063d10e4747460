// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/memory.hpp"

#include "daemon/evidence_json.hpp"
#include "daemon/state_file.hpp"
#include "policies/text_file.hpp"

#include <fmt/format.h>

namespace chainkeeper::daemon {

Memory::Memory(std::filesystem::path runtime_directory, std::filesystem::path state_directory)
    : evidence_file_{std::move(runtime_directory) / "evidence.json"}, state_directory_{std::move(state_directory)},
      kept_backend_{remembered_backend(state_directory_)}
{
}

void Memory::recall(Keeper& keeper, ReportSink& sink, Instant now) const
{
    const auto text = policies::read_text_file(evidence_file_);
    if (!text)
        return;  // the first start since the boot
    if (const auto evidence = evidence_from_json(*text))
        return keeper.restore_evidence(*evidence);
    sink.report(
        Notice{.at = now,
               .what = fmt::format("{} holds nothing that can be used; starting without", evidence_file_.string())});
}

void Memory::keep(const Keeper& keeper, ReportSink& sink, Instant now)
{
    if (auto evidence = keeper.evidence(); evidence != kept_evidence_) {
        note_failure(write_state_file(evidence_file_, to_json(evidence)), sink, now);
        kept_evidence_ = std::move(evidence);
    }
    const auto& backend = keeper.backend_evidence();
    if (backend.chains_in_nft && backend.backend() == KnownBackend::nft && kept_backend_ != KnownBackend::nft) {
        note_failure(remember_backend(state_directory_, KnownBackend::nft), sink, now);
        kept_backend_ = KnownBackend::nft;
    }
}

void Memory::note_failure(const repair::Result<void>& written, ReportSink& sink, Instant now)
{
    if (written || std::exchange(failure_noted_, true))
        return;
    sink.report(Trouble{
        .at = now, .what = fmt::format("{}; a restart will not know what was known before", written.error().what)});
}

}  // namespace chainkeeper::daemon
