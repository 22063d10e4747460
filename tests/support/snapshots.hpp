// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/desired.hpp"
#include "repair/snapshot.hpp"

#include <cstdint>
#include <string_view>

// Snapshots made by hand.
namespace chainkeeper::tests {

// Generation 7, with all that `desired` names. The first rule of every chain has handle 10, the second 20, and so on.
repair::Snapshot snapshot_of(const repair::DesiredState& desired);

// That chain of the snapshot; throws std::out_of_range where there is none.
repair::ObservedChain& chain_in(repair::Snapshot& snapshot, repair::Table table, std::string_view chain);
void remove_chain(repair::Snapshot& snapshot, repair::Table table, std::string_view chain);
void remove_table(repair::Snapshot& snapshot, repair::Table table);

// As iptables wrote it.
repair::ObservedRule observed(repair::Rule rule, std::uint64_t handle);

}  // namespace chainkeeper::tests
