// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/desired.hpp"
#include "repair/error.hpp"
#include "repair/plan.hpp"
#include "repair/snapshot.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::repair {

// A transaction that a commit made: the one from `first` to `last` that the kernel says `pid` wrote. Where a program
// made it for us, others may have written in the same moments, and its number is not known for sure. One of legacy, of
// which nf_tables tells nobody, has no number: 0.
struct OwnTransaction {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    std::uint32_t pid = 0;                      // 0: whoever wrote it, for `first` and `last` are the same
    std::optional<Table> table = std::nullopt;  // the only one that it wrote to; nothing: all those of the plan
    bool operator==(const OwnTransaction&) const = default;
};

// What became of a commit. Anything but `committed` has written nothing, unless it tells of transactions: then the
// commit broke off between two of them, and `detail` says where.
struct Outcome {
    enum class Kind : std::uint8_t {
        committed,
        recorded,      // a dry run kept the plan
        stale,         // the ruleset has moved on from the plan's generation: look again
        lock_timeout,  // somebody else holds the xtables lock: try again
        denied,        // EPERM: no rights, or a policy of the node (a BPF LSM): do not try again
        failed,        // the kernel refused it for the reason in `detail`
    };
    Kind kind;
    std::uint32_t generation = 0;                // the last that the commit made; 0 where none is known
    std::string detail;                          // why not: a sentence with the kernel's own words
    std::vector<OwnTransaction> transactions{};  // in their order
    int lock_holder = 0;                         // of lock_timeout, where it is known
};

std::string_view to_string(Outcome::Kind kind);

// The number of the transaction after `generation`: 0 is left out (net/netfilter/nf_tables_api.c, nf_tables_commit).
std::uint32_t generation_after(std::uint32_t generation);

// The only way to the ruleset of the network namespace in which it was made.
class Backend {
public:
    Backend() = default;
    Backend(const Backend&) = delete;
    Backend& operator=(const Backend&) = delete;
    Backend(Backend&&) = delete;
    Backend& operator=(Backend&&) = delete;
    virtual ~Backend() = default;

    // Reads the guarded set and nothing else, all at one generation. Changes nothing.
    virtual Result<Snapshot> observe(const DesiredState& desired) = 0;

    // All of `plan` or none of it, and only while its generation is the ruleset's. (What repair/restore/ can say of
    // that stands there.)
    virtual Outcome commit(const Plan& plan) = 0;
};

}  // namespace chainkeeper::repair
