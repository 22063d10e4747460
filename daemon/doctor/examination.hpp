// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"

#include <span>
#include <vector>

namespace chainkeeper::daemon::doctor {

// What a check came to.
struct Examined {
    const Check* check = nullptr;
    Judgement judgement;
};

// Runs the checks side by side, each in a process of its own, but for those that read rulesets, which share one. What
// hangs, and what crashes, is ended at its deadline and is unknown; the others are not held up by it. In the order of
// `checks`. The caller has one thread.
std::vector<Examined> examine(const Node& node, std::span<const Check* const> checks);

// The worst first; as bad ones in their order.
void put_worst_first(std::vector<Examined>& examined);

// Of them all: the worst.
Verdict worst_of(const std::vector<Examined>& examined);

}  // namespace chainkeeper::daemon::doctor
