// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"
#include "repair/family.hpp"
#include "repair/rule.hpp"
#include "repair/snapshot.hpp"
#include "repair/survey.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace chainkeeper::repair::legacy {

// A legacy table of one family, read whole by libiptc. What is changed here reaches the kernel with commit(), which
// replaces the whole table, and keeps the counters of the rules that stay.
class LegacyTable {
public:
    // Reading instantiates the table where it is not there yet (net/netfilter/x_tables.c, xt_find_table_lock), and then
    // iptables-nft warns of it: whoever only looks asks instantiated_tables() first. Needs CAP_NET_RAW and
    // CAP_NET_ADMIN.
    static Result<std::unique_ptr<LegacyTable>> open(Family family, const std::string& table);

    LegacyTable() = default;
    LegacyTable(const LegacyTable&) = delete;
    LegacyTable& operator=(const LegacyTable&) = delete;
    LegacyTable(LegacyTable&&) = delete;
    LegacyTable& operator=(LegacyTable&&) = delete;
    virtual ~LegacyTable() = default;

    [[nodiscard]] virtual bool has_chain(const std::string& chain) const = 0;
    [[nodiscard]] virtual bool is_base_chain(const std::string& chain) const = 0;
    // In their order, each with its number for a handle.
    [[nodiscard]] virtual std::vector<ObservedRule> rules_of(const std::string& chain) const = 0;
    // The same for the same chains, default verdicts and rules. Counters are left out.
    [[nodiscard]] virtual std::size_t fingerprint() const = 0;

    // Tells of all its chains and rules.
    virtual void survey(RulesetSink& sink) const = 0;

    // An error number; 0 where it was done.
    virtual int create_chain(const std::string& chain) = 0;
    virtual int delete_chain(const std::string& chain) = 0;
    virtual int append_rule(const std::string& chain, const Rule& rule) = 0;
    // Before the rule that has the number now, counted from 1.
    virtual int insert_rule(const std::string& chain, const Rule& rule, std::uint32_t number) = 0;
    virtual int delete_rule(const std::string& chain, std::uint32_t number) = 0;
    // EAGAIN: somebody who does not take the lock has changed the table since it was read; nothing was written.
    virtual int commit() = 0;
};

}  // namespace chainkeeper::repair::legacy
