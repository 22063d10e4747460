// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/baseline/baseline.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::daemon::baseline {

struct Difference {
    // What breaks most comes first.
    enum class Kind : std::uint8_t {
        other_backend,  // all of a family's chains are in the other one: no more is said of that family
        missing_chain,
        changed_policy,  // of a base chain
        missing_rule,
        added_rule,
        added_chain,
        number_of_rules,   // less than half as many, or more than twice
        number_of_chains,  // of those that have the name, likewise
    };
    Kind kind = Kind::missing_chain;
    ChainName name;    // of other_backend only the place, where they are now
    std::string rule;  // of missing_rule and added_rule
    std::string was;   // of changed_policy, the numbers, other_backend
    std::string is;
    // Two healthy nodes differ so: by the Services, pods and network policies that there are.
    bool may_be_normal = false;
};

// "missing_chain"
std::string_view to_string(Difference::Kind kind);

// From what was saved to what is now: those that matter first, and those that may be normal last.
std::vector<Difference> compare(const Baseline& saved, const Baseline& now);

}  // namespace chainkeeper::daemon::baseline
