// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"
#include "daemon/culprit.hpp"
#include "repair/nft/event.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace chainkeeper::daemon {

// How much was deleted from the tables kubelet uses, whoever it belonged to.
struct Losses {
    unsigned tables = 0;
    unsigned chains = 0;
    unsigned rules = 0;
    // Of iptables-legacy's tables the kernel tells only how many entries there are: one for a rule, two for a chain.
    unsigned entries = 0;

    [[nodiscard]] unsigned all() const { return tables + chains + rules + entries; }
    [[nodiscard]] bool any() const { return all() > 0; }
    Losses& operator+=(const Losses& other);
    bool operator==(const Losses&) const = default;
};

// "2 tables, 6 chains, 5 rules"; "12 entries"
std::string to_string(const Losses& losses);

// One transaction of somebody's, as it was heard.
struct GenerationHeard {
    std::uint32_t id = 0;
    Culprit culprit;
    Instant at;
    Losses losses;
    bool touched_guarded = false;  // something of kubelet's was among what it changed
};

// A run of transactions that belong together, from the first that touched something guarded to the last before the
// ruleset came to rest: the flush record.
struct Burst {
    Instant first;
    Instant last;
    unsigned generation_count = 0;
    std::optional<GenerationHeard> worst;  // the one that deleted most, of those that touched something guarded
    Losses losses;
    std::vector<std::string> gaps;                 // why some of it may not have been heard
    std::map<std::string, unsigned> transactions;  // of each unit that is known to have written some of it
    std::string job_unit;                          // a disruptor unit that had a job meanwhile; empty: none

    void add(const GenerationHeard& generation);
    void add_gap(std::string reason);
    // Who wrote the worst of it becomes known late, where it was not known before.
    void name_writer(const Culprit& culprit);

    // Who wrote the worst of it: by /proc, else by who wrote the rest, else by who had a job.
    [[nodiscard]] Culprit culprit() const;
};

}  // namespace chainkeeper::daemon
