// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"
#include "repair/family.hpp"
#include "repair/nft/message.hpp"
#include "repair/snapshot.hpp"

namespace chainkeeper::repair::nft {

// Reads one NFT_MSG_NEWRULE message in the words of any iptables from 1.8.7 to 1.8.11 and in nft's
// own. What no rule of kubelet's could hold makes a rule without `rule`; a message that makes no sense is a protocol
// error.
Result<ObservedRule> decode_rule(Family family, const Message& message);

}  // namespace chainkeeper::repair::nft
