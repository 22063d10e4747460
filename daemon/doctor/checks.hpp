// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::daemon::doctor {

// Every check there is.
std::span<const Check* const> all_checks();

// What one of them came to.
struct Examined {
    const Check* check = nullptr;
    Judgement judgement;
};

// The names of those that an image of a node has to pass.
std::vector<std::string> preflight_names();

// Runs those of these names, or all where none is named, in the order of the table.
std::vector<Examined> examine(const Node& node, const std::vector<std::string>& names);

// The worst first; as bad ones in the order of the table.
void put_worst_first(std::vector<Examined>& examined);

// Of them all: the worst.
Verdict worst_of(const std::vector<Examined>& examined);

}  // namespace chainkeeper::daemon::doctor
