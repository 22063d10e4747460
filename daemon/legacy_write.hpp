// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/burst.hpp"
#include "daemon/clock.hpp"
#include "daemon/culprit.hpp"
#include "repair/family.hpp"

#include <compare>
#include <set>

namespace chainkeeper::daemon {

// Somebody was at iptables-legacy's tables: by what is seen of the lock and of the size of the tables, for the kernel
// tells of nothing.
struct LegacyWrite {
    struct Where {
        repair::Family family;
        repair::Table table;
        auto operator<=>(const Where&) const = default;
    };
    Instant at;
    // The tables that do not have the size any more that they had when they were seen last. Where there is none it was
    // most likely somebody who only read, for readers take the lock too.
    std::set<Where> changed;
    Losses losses;    // since the write before it
    Culprit culprit;  // who had the lock, where that was seen
};

}  // namespace chainkeeper::daemon
