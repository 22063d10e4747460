// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/backend_evidence.hpp"
#include "daemon/keeper.hpp"
#include "daemon/report.hpp"

#include <filesystem>
#include <string>

namespace chainkeeper::daemon {

// What outlives a run of the daemon: the evidence about kubelet (in the runtime directory, so that a reboot forgets it)
// and the backend in use (in the state directory). Where these cannot be written the daemon works, and forgets.
class Memory {
public:
    Memory(const std::filesystem::path& runtime_directory, std::filesystem::path state_directory);

    void recall(Keeper& keeper, ReportSink& sink, Instant now) const;
    // Writes what has changed since the last time.
    void keep(const Keeper& keeper, ReportSink& sink, Instant now);

private:
    bool note(const repair::Result<void>& written, ReportSink& sink, Instant now);

    std::filesystem::path evidence_file_;
    std::filesystem::path state_directory_;
    std::optional<Keeper::Evidence> kept_evidence_;
    std::optional<KnownBackend> kept_backend_;
    bool failure_noted_ = false;
};

}  // namespace chainkeeper::daemon
