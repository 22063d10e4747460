// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tests/support/iptables.hpp"

#include <string>
#include <vector>

namespace chainkeeper::tests {

// A release of Debian, and its iptables.
struct Release {
    std::string suite;
    std::string version;  // that its iptables has to have
    std::string root;

    [[nodiscard]] Iptables iptables(IptablesBackend backend) const { return {.backend = backend, .root = root}; }
};

// bullseye, bookworm and trixie, oldest first. Roots that are missing are made, which needs the network.
//
// The first call gives this process mounts of its own. There every root has /proc, in which iptables looks for the
// tables of the legacy backend, and an empty /run, with an xtables lock that nobody else takes.
const std::vector<Release>& releases();

}  // namespace chainkeeper::tests
