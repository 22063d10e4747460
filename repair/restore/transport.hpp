// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/backend.hpp"
#include "repair/legacy/lock.hpp"
#include "repair/restore/program.hpp"

#include <chrono>
#include <map>

namespace chainkeeper::repair {

// Writes with the node's own iptables-restore --noflush, for kernels and iptables that are newer than what we know;
// looks through another backend.
//
// A restore program commits each table at its COMMIT, and stops at the first that it cannot; what it has written till
// then stays. So each table has a program and a generation of its own, mangle comes last, and after a table that failed
// none is written: nobody sees the canary come back before the rest.
//
// What makes that safe is that the plan still holds when it is written. A chain that was made meanwhile is not flushed:
// -N fails. But a jump that was inserted meanwhile is inserted twice, and what was lost meanwhile does not come back
// together with the canary.
//
// Legacy: this process holds the xtables lock from the look at the generation until the last program has ended, which
// is compare-and-swap; the programs are given another lock file. It is not waited for.
//
// nft: the generation is looked at immediately before each program is started. Nothing closes the gap between that look
// and the program's own transaction: some milliseconds, for it has to start. What somebody else writes in it shows in
// the generation, which then has moved on by more than one, and no further table is written. A second jump is reported
// by the next look. A flush in the gap before mangle's program leaves a canary that hides it from kubelet: the daemon
// hears the flush, and repairs what kubelet will not.
class RestoreTransport final : public Backend {
public:
    struct Settings {
        IptablesVariant variant;
        // Of one commit: all programs together. Who is at work then is killed. Commits block.
        std::chrono::nanoseconds deadline = std::chrono::seconds{2};
        Programs programs = installed_programs(std::chrono::milliseconds{500});
    };

    // `observed` has to be a backend of the same variant.
    RestoreTransport(Backend& observed, Settings settings) : observed_{observed}, settings_{std::move(settings)} {}

    Result<Snapshot> observe(const DesiredState& desired) override;
    // Of a family that was observed before; stale else. The generation is the one that a look finds afterwards.
    Outcome commit(const Plan& plan) override;

private:
    Backend& observed_;
    Settings settings_;
    legacy::XtablesLock lock_;                // of legacy
    std::map<Family, DesiredState> desired_;  // as it was last asked for: what the generation is looked up with
};

}  // namespace chainkeeper::repair
