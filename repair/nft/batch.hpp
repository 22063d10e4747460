// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"
#include "repair/nft/message.hpp"
#include "repair/plan.hpp"

#include <cstdint>
#include <vector>

namespace chainkeeper::repair::nft {

// A plan as the messages of one nf_tables transaction. The message that begins it names the plan's generation
// (NFNL_BATCH_GENID), which makes the commit conditional; the last step asks for an acknowledgement. Sequence numbers
// count up from `first_sequence`: the beginning, then one a step.
struct Batch {
    std::vector<std::byte> messages;
    std::uint32_t first_sequence = 0;
    std::uint32_t last_step_sequence = 0;
};

// Fails for a plan of more steps than one datagram holds.
Result<Batch> make_batch(const Plan& plan, std::uint32_t first_sequence);

}  // namespace chainkeeper::repair::nft
