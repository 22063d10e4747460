// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"
#include "repair/family.hpp"
#include "repair/survey.hpp"

#include <chrono>
#include <string_view>

namespace chainkeeper::repair::nft {

// Every chain and every rule of the ip or the ip6 tables of this network namespace, in whatever words; iptables' own,
// and those of others, such as kube-proxy's `kube-proxy` in its nftables mode. Not for the daemon: 150,000 rules take
// the kernel a second. It is read again until nothing has changed meanwhile, or until it is the same twice; but, from
// the third time on, not for longer than `patience`. A kernel without nf_tables has an empty ruleset. Needs
// CAP_NET_ADMIN.
Result<Survey> survey(Family family, std::chrono::nanoseconds patience);
// The same, told to `sink`.
Result<void> survey(Family family, std::chrono::nanoseconds patience, RulesetSink& sink);
// Of a base chain, and of the chains that rules for every packet lead to from there: their rules. Of all other chains
// no more than that they are there.
Result<Survey> survey_way(Family family, std::string_view table, std::string_view base,
                          std::chrono::nanoseconds patience);

}  // namespace chainkeeper::repair::nft
