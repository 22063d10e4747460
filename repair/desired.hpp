// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/family.hpp"
#include "repair/rule.hpp"

#include <compare>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::repair {

inline constexpr std::string_view kubelet_canary = "KUBE-KUBELET-CANARY";

// A chain that kubelet makes. It must hold `rules`, in any order; it may hold `tolerated` ones, which kubelet of
// another version, or kube-proxy, leaves there.
struct DesiredChain {
    Table table;
    std::string name;
    std::vector<Rule> rules;
    std::vector<Rule> tolerated;
    [[nodiscard]] bool is_canary() const { return name == kubelet_canary; }
};

// A jump from a base chain, inserted at its front when it is missing and never moved.
struct DesiredJump {
    Table table;
    std::string base_chain;  // INPUT, FORWARD, OUTPUT, PREROUTING, POSTROUTING
    Rule rule;
};

// The guarded set of one family: what a kubelet of a certain version makes, and all that a repair may ever add.
struct DesiredState {
    Family family;
    std::vector<DesiredChain> chains;
    std::vector<DesiredJump> jumps;
    [[nodiscard]] bool empty() const { return chains.empty() && jumps.empty(); }
};

// A chain of a table of one family.
struct ChainName {
    Table table;
    std::string chain;
    auto operator<=>(const ChainName&) const = default;
};

// What a look asks for, each once: the guarded chains and the base chains of the guarded jumps; and the tables of
// these.
std::set<ChainName> chain_names_in(const DesiredState& desired);
std::set<Table> tables_in(const DesiredState& desired);

}  // namespace chainkeeper::repair
