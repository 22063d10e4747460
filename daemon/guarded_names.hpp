// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/desired.hpp"
#include "repair/nft/event.hpp"

#include <set>
#include <span>
#include <string>
#include <tuple>

namespace chainkeeper::daemon {

// Tells the changes that may concern the guarded set from the thousands that do not.
class GuardedNames {
public:
    explicit GuardedNames(std::span<const repair::DesiredState> desired_states);

    // A look is worth while: something guarded, or what holds it, was taken away; or a guarded chain was made or added
    // to (by kubelet, or by somebody who damages it).
    [[nodiscard]] bool touched_by(const repair::nft::Change& change) const;

    // The change is a deletion from a table that holds something guarded.
    [[nodiscard]] bool is_loss(const repair::nft::Change& change) const;

private:
    using Name = std::tuple<repair::Family, std::string, std::string>;
    [[nodiscard]] bool holds(const std::set<Name, std::less<>>& names, const repair::nft::Change& change,
                             std::string_view chain) const;

    std::set<Name, std::less<>> tables_;
    std::set<Name, std::less<>> chains_;
    std::set<Name, std::less<>> base_chains_;
};

}  // namespace chainkeeper::daemon
