// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/looked.hpp"
#include "daemon/options.hpp"

#include <string>
#include <tl/expected.hpp>

namespace chainkeeper::daemon {

// Looks, decides and, unless `dry_run`, repairs and verifies once, by the daemon's decision table and with the evidence
// that a daemon has left. Refuses to write while a daemon runs. The error is a sentence.
tl::expected<Looked, std::string> look_once(const PolicyOptions& options, bool dry_run);

}  // namespace chainkeeper::daemon
