// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/burst.hpp"
#include "daemon/clock.hpp"
#include "daemon/culprit.hpp"
#include "repair/family.hpp"

#include <compare>
#include <map>

namespace chainkeeper::daemon {

// Somebody was at iptables-legacy's tables: by what is seen of the lock and of the size of the tables, for the kernel
// tells of nothing.
struct LegacyWrite {
    struct Where {
        repair::Family family;
        repair::Table table;
        auto operator<=>(const Where&) const = default;
    };
    struct Change {
        unsigned entries_lost = 0;
        bool gone = false;  // the whole table
    };
    Instant at;
    // The tables that do not have the size any more that they had before. Where there is none it was most likely
    // somebody who only read, for readers take the lock too.
    std::map<Where, Change> changed;
    Culprit culprit;  // who had the lock, where that was seen

    // What one family has lost.
    [[nodiscard]] Losses losses_of(repair::Family family) const;
    [[nodiscard]] bool touches(repair::Family family) const;
};

}  // namespace chainkeeper::daemon
