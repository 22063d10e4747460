// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/family.hpp"
#include "repair/rule.hpp"

struct nftnl_rule;

namespace chainkeeper::repair::nft {

// Appends to `encoded` the expressions that iptables-nft makes of `rule`, so that its `-C` knows the rule again:
// addresses as payload and cmp, matches and targets as xtables extensions, a counter, and the verdict.
void encode_rule(Family family, const Rule& rule, nftnl_rule& encoded);

}  // namespace chainkeeper::repair::nft
