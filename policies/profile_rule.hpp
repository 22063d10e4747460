// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/toml_tree.hpp"
#include "repair/family.hpp"
#include "repair/rule.hpp"

namespace chainkeeper::policies {

// A rule of a profile file, as it is for `family`. `table` may also have the key "families", which is not looked at.
//
//   source, destination   "127.0.0.0/8"
//   match                 an array, in iptables' order, of { comment = "…" }, { ctstate = "DNAT,…" }, { mark =
//   "0x1/0x1" } verdict               "ACCEPT", "DROP" or "RETURN"; or instead of it set_xmark             "0x4000/0x0"
//   masquerade            "random-fully"
//
// "! " at the beginning of an address, a ctstate or a mark inverts it, as it does for iptables.
Read<repair::Rule> rule_of(const TomlValue& table, repair::Family family);

}  // namespace chainkeeper::policies
