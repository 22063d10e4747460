// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/metrics/exposition.hpp"
#include "daemon/status.hpp"

#include <filesystem>
#include <optional>
#include <vector>

namespace chainkeeper::daemon::metrics {

// What is so now.
struct NodeNow {
    struct Family {
        repair::Family family;
        std::optional<WallTime> looked;              // last
        std::vector<repair::GuardedObject> objects;  // where the family is guarded and known
    };
    WallTime at;
    Status status;
    std::vector<Family> families;  // of the policy
};

void add_gauges(Exposition& exposition, const NodeNow& now);

// Nothing where the kernel tracks no connections. `proc` is "/proc" but in tests.
void add_conntrack(Exposition& exposition, const std::filesystem::path& proc);

}  // namespace chainkeeper::daemon::metrics
