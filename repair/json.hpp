// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/finding.hpp"
#include "repair/plan.hpp"

#include <nlohmann/json_fwd.hpp>

namespace chainkeeper::repair {

// {"family": "ipv4", "generation": 7, "steps": [{"do": "create_chain", "table": "mangle", "chain": "…"}, …]}; steps
// that write a rule add "rule" in iptables' arguments, and "before_rule" (counted from 1) where it does not go to the
// end.
nlohmann::json to_json(const Plan& plan);

// {"family": "ipv4", "generation": 7, "findings": [{"kind": "chain_missing", "table": "…", "chain": "…", "rule": "…",
// "text": "…"}, …]}
nlohmann::json to_json(const Diagnosis& diagnosis);

}  // namespace chainkeeper::repair
