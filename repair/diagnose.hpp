// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/desired.hpp"
#include "repair/finding.hpp"
#include "repair/snapshot.hpp"

namespace chainkeeper::repair {

// What of `desired` is absent from `snapshot`, or not as kubelet made it. Tables come first, then chains in the order
// of `desired`, then jumps.
Diagnosis diagnose(const DesiredState& desired, const Snapshot& snapshot);

}  // namespace chainkeeper::repair
