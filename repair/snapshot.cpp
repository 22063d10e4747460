// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/snapshot.hpp"

#include <algorithm>

namespace chainkeeper::repair {

const ObservedChain* Snapshot::find(Table table, std::string_view chain) const
{
    const auto found = std::ranges::find_if(
        chains, [&](const ObservedChain& candidate) { return candidate.table == table && candidate.name == chain; });
    return found == chains.end() ? nullptr : &*found;
}

}  // namespace chainkeeper::repair
