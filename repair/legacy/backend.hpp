// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/backend.hpp"
#include "repair/legacy/lock.hpp"
#include "repair/legacy/shape.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <set>

namespace chainkeeper::repair::legacy {

// The tables of iptables-legacy. A look reads the guarded tables whole, for there is no other way, and only those that
// exist: it makes none. A snapshot's generation is a number for what these tables say, not the number of a transaction,
// for nobody counts those. A commit holds the xtables lock from reading the tables again to replacing the last of them,
// and is stale where they do not say what the plan was made from. It replaces a table at a time, the one with
// the mangle canary last; one that the kernel refuses leaves the ones before it written, which the outcome says.
class LegacyBackend final : public Backend {
public:
    // Fails where the tables of this network namespace may not be read: without CAP_NET_ADMIN and CAP_NET_RAW.
    static Result<std::unique_ptr<LegacyBackend>> open(std::filesystem::path lock_file = xtables_lock_file());

    Result<Snapshot> observe(const DesiredState& desired) override;
    Outcome commit(const Plan& plan) override;

    // What the tables of the last look say now; before there was one, of all tables.
    Result<std::uint32_t> generation(Family family) const;

    // The tables that do not have the shape any more that they had when this was asked last, or when the backend was
    // opened, and how many entries each has lost since; a table that is gone has lost all of them. What a commit of
    // ours changed is left out, and looks make no difference: whoever asks looks after each change.
    struct Change {
        Table table;
        unsigned entries_lost = 0;
        bool gone = false;
    };
    Result<std::vector<Change>> take_changes(Family family);

private:
    void adopt_shapes(Family family, const std::set<Table>& changed);
    LegacyBackend(std::filesystem::path lock_file, std::uint32_t salt) : lock_{std::move(lock_file)}, salt_{salt} {}
    [[nodiscard]] const std::set<Table>& looked_at(Family family) const;

    XtablesLock lock_;
    // So that another run of the program takes nothing for what it was: between two runs the same words may have come
    // and gone.
    std::uint32_t salt_;
    std::map<Family, std::set<Table>> looked_at_;
    std::map<Family, Shapes> shapes_;  // as take_changes() knows them
};

}  // namespace chainkeeper::repair::legacy
