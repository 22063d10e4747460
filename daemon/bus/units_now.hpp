// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"
#include "daemon/unit_state.hpp"
#include "policies/policy.hpp"
#include "repair/error.hpp"

#include <optional>
#include <string>
#include <tl/expected.hpp>

namespace chainkeeper::daemon {

// What systemd says of the policy's units now, for a program that has no loop of its own: waits for the answer, 6 s at
// the most. Nothing where there is no systemd, or it does not answer.
repair::Result<std::optional<UnitsSeen>> ask_units(const policies::Policy& policy, const Clock& clock);

// The same, where not to know is an error, a sentence: nothing is given where there is no systemd alone.
tl::expected<std::optional<UnitsSeen>, std::string> known_units(const policies::Policy& policy, const Clock& clock);

}  // namespace chainkeeper::daemon
