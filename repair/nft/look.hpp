// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/desired.hpp"
#include "repair/nft/socket.hpp"
#include "repair/snapshot.hpp"

namespace chainkeeper::repair::nft {

// One look at what `desired` names, under the generation that it began at. No look can tell alone whether the ruleset
// changed while it was read: a commit makes its number known a moment before its objects
// (net/netfilter/nf_tables_api.c, nf_tables_commit: base_seq, then gencursor), so that a look may begin and end at one
// number and hold half of the objects from before it. Two looks in a row that are equal are of one ruleset.
Result<Snapshot> look_once(Socket& socket, const DesiredState& desired);

// The number of the ruleset's last transaction.
Result<std::uint32_t> read_generation(Socket& socket);

}  // namespace chainkeeper::repair::nft
