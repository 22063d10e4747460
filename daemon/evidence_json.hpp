// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/keeper.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace chainkeeper::daemon {

// Where evidence is true: "BOOT-ID NETWORK-NAMESPACE". Another boot has another clock, another namespace another
// ruleset.
std::string evidence_scope();

// {"scope": "…", "ipv4": {"monitor": "alive", "source": "presence", "generation": 17, "ours": [{"table": "mangle",
// "chain": "…"}],
//  "canary_missing_since_ns": 123, "instance": {"invocation": "…", "since_ns": 123, "init_reported": true}}, "ipv6": …}
// The last two are there while the mangle canary is missing, and where the instance is known.
std::string to_json(const Keeper::Evidence& evidence, std::string_view scope);

// Nothing for what to_json() never wrote, for another scope, and for an instant that is still to come.
std::optional<Keeper::Evidence> evidence_from_json(std::string_view text, std::string_view scope, Instant now);

}  // namespace chainkeeper::daemon
