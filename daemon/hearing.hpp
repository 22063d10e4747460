// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/burst.hpp"
#include "daemon/clock.hpp"
#include "daemon/guarded_names.hpp"
#include "daemon/legacy_write.hpp"
#include "daemon/report.hpp"
#include "repair/backend.hpp"
#include "repair/nft/event.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace chainkeeper::daemon {

// Makes transactions and bursts of the kernel's events, and names who wrote them.
class Hearing {
public:
    // What one transaction of somebody else's did to the guarded set.
    struct Transaction {
        std::set<repair::Family> touched;
        std::set<repair::Family> lost;            // something guarded, or what holds it
        std::map<repair::Family, bool> canaries;  // the mangle canary: true where it was added, false where deleted
        Losses losses;
        Instant at;
    };

    // `proc` is "/proc" but in tests. The sink is told of the first transaction of a burst.
    Hearing(const Clock& clock, ReportSink& sink, std::filesystem::path proc)
        : clock_{clock}, sink_{sink}, proc_{std::move(proc)}
    {
    }

    void hear(const repair::nft::Change& change, const GuardedNames& names);
    // Somebody wrote to iptables-legacy's tables, and took so much from those that matter.
    void hear(const LegacyWrite& write, const Losses& losses);
    // Ends a transaction. Nothing for our own, and for one that does not belong to a burst.
    std::optional<Transaction> hear(const repair::nft::Generation& generation);
    // Some events may not have been heard.
    void hear_gap(const std::string& reason);
    // Whether there was a gap since this was asked last, a transaction left out included.
    bool take_gap() { return std::exchange(gap_, false); }
    // A disruptor unit has a job: what is written meanwhile may be its doing. Empty: none has.
    void hear_job(const std::string& unit);
    // A transaction of ours was committed; its events are still to come.
    void wrote(const repair::OwnTransaction& own)
    {
        if (own.last != 0)
            ours_.push_back(own);
    }

    [[nodiscard]] const std::optional<Burst>& burst() const { return burst_; }
    void end_burst() { burst_.reset(); }

private:
    bool take_ours(const repair::nft::Generation& generation);
    void notice_missed_generation(std::uint32_t id);
    Burst& open_burst();

    const Clock& clock_;
    ReportSink& sink_;
    std::filesystem::path proc_;
    Transaction transaction_;
    std::optional<Burst> burst_;
    std::optional<std::uint32_t> last_generation_;
    std::vector<repair::OwnTransaction> ours_;
    std::string job_unit_;
    bool gap_ = false;
};

}  // namespace chainkeeper::daemon
