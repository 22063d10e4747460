// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/rulesets.hpp"
#include "repair/rule.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace chainkeeper::daemon::baseline {

using doctor::Place;

struct ChainName {
    Place place;
    std::string table;
    std::string chain;  // normal_name()
    auto operator<=>(const ChainName&) const = default;
};

// The chains that have the name.
struct NormalChain {
    std::size_t chains = 1;
    std::size_t rule_count = 0;               // in all of them
    std::optional<repair::Verdict> policy{};  // of a base chain
    // Each kind of rule in them once: "match:comment jump KUBE-SERVICES". What a rule looks at and what becomes of the
    // packet, without the values: those of two nodes differ. Of a base chain the rules that lead to a chain in here,
    // and those that no packet passes.
    std::set<std::string, std::less<>> rules{};
    bool operator==(const NormalChain&) const = default;
};

// The chains of kubelet, kube-proxy and network plugins, and the base chains that drop what they have no rule for or
// lead to one of them: as they are on every node that is set up alike. As large as there are different names: a few
// dozen, whatever number of Services there are.
using Baseline = std::map<ChainName, NormalChain>;

// "accept", "drop"; "" of a chain that is no base chain.
std::string_view policy_text(const NormalChain& chain);

}  // namespace chainkeeper::daemon::baseline
