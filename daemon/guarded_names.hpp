// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/desired.hpp"
#include "repair/nft/event.hpp"

#include <set>
#include <span>
#include <string>
#include <string_view>
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
    struct Name {
        repair::Family family;
        std::string table;
        std::string chain;  // empty for the table itself
    };
    struct NameView {
        repair::Family family;
        std::string_view table;
        std::string_view chain;
    };
    // Compares either with either, so that a look-up copies nothing: a load of 150,000 rules is 150,000 look-ups.
    struct Before {
        using is_transparent = void;
        static NameView view(const NameView& name) { return name; }
        static NameView view(const Name& name) { return {name.family, name.table, name.chain}; }
        bool operator()(const auto& left, const auto& right) const
        {
            const auto [left_family, left_table, left_chain] = view(left);
            const auto [right_family, right_table, right_chain] = view(right);
            return std::tie(left_family, left_table, left_chain) < std::tie(right_family, right_table, right_chain);
        }
    };
    using Names = std::set<Name, Before>;
    static bool holds(const Names& names, const repair::nft::Change& change, std::string_view chain);

    Names tables_;
    Names chains_;
    Names base_chains_;
};

}  // namespace chainkeeper::daemon
