// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/plan.hpp"

#include <array>
#include <string>

namespace chainkeeper::repair {

// The order in which tables are written where each is a transaction of its own: mangle, which holds kubelet's canary,
// comes last.
inline constexpr std::array mangle_last{Table::nat, Table::filter, Table::mangle};

// `plan` as input for `iptables-restore --noflush` (or ip6tables-restore). Chains are made with -N and never declared
// with a `:CHAIN` line, which would flush them; mangle comes last. Tables and base chains are not written out: iptables
// makes them when a rule needs them. Empty for an empty plan.
std::string restore_text(const Plan& plan);

}  // namespace chainkeeper::repair
