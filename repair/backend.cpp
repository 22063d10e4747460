// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/backend.hpp"

namespace chainkeeper::repair {

std::string_view to_string(Outcome::Kind kind)
{
    switch (kind) {
    case Outcome::Kind::committed: return "committed";
    case Outcome::Kind::recorded: return "recorded";
    case Outcome::Kind::stale: return "stale";
    case Outcome::Kind::lock_timeout: return "lock_timeout";
    case Outcome::Kind::denied: return "denied";
    case Outcome::Kind::failed: return "failed";
    }
    return "unknown";
}

std::uint32_t generation_after(std::uint32_t generation)
{
    return generation + 1 == 0 ? 1 : generation + 1;
}

}  // namespace chainkeeper::repair
