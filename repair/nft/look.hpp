// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/desired.hpp"
#include "repair/nft/socket.hpp"
#include "repair/snapshot.hpp"

#include <optional>

namespace chainkeeper::repair::nft {

// One look at what `desired` names. Nothing where the ruleset changed while it was read.
Result<std::optional<Snapshot>> look_once(Socket& socket, const DesiredState& desired);

// The number of the ruleset's last transaction.
Result<std::uint32_t> read_generation(Socket& socket);

}  // namespace chainkeeper::repair::nft
