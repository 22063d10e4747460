// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/family.hpp"
#include "repair/rule.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::repair {

// Whose words a rule is written in.
enum class Dialect : std::uint8_t {
    iptables,
    readable,  // nft's own, but iptables reads them: `-C` knows the rule (an nft comment, which it reads as -m comment)
    native,    // nft's own, and iptables does not: `-C` never knows the rule (ct, masq, setting a mark)
};

struct ObservedRule {
    std::uint64_t handle = 0;
    Dialect dialect = Dialect::iptables;
    std::optional<Rule> rule;  // nothing: it holds something that no rule of kubelet's has
    std::string expressions;   // "payload cmp match:comment counter immediate", for reports

    bool operator==(const ObservedRule&) const = default;
};

struct ObservedChain {
    Table table;
    std::string name;
    std::vector<ObservedRule> rules;

    bool operator==(const ObservedChain&) const = default;
};

// What was found of the guarded set of one family, all of it at one generation. Only the chains that were asked for.
struct Snapshot {
    Family family;
    std::uint32_t generation = 0;
    std::set<Table> tables;
    std::vector<ObservedChain> chains;

    [[nodiscard]] const ObservedChain* find(Table table, std::string_view chain) const;
    bool operator==(const Snapshot&) const = default;
};

}  // namespace chainkeeper::repair
