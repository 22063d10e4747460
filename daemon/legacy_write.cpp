// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/legacy_write.hpp"

#include <algorithm>

namespace chainkeeper::daemon {

Losses LegacyWrite::losses_of(repair::Family family) const
{
    Losses losses;
    for (const auto& [where, change] : changed)
        if (where.family == family)
            losses += {.tables = change.gone ? 1U : 0U, .entries = change.entries_lost};
    return losses;
}

bool LegacyWrite::touches(repair::Family family) const
{
    return std::ranges::any_of(changed, [&](const auto& each) { return each.first.family == family; });
}

}  // namespace chainkeeper::daemon
