// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/baseline/baseline_file.hpp"
#include "daemon/baseline/comparison.hpp"

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace chainkeeper::daemon::baseline {

// Whether there is one that two healthy nodes would not have.
bool any_matters(const std::vector<Difference>& differences);

// "ipv4 in nf_tables: nat PREROUTING no longer has match:comment jump KUBE-SERVICES"
std::string sentence_of(const Difference& difference);

// For people: a row for each difference. The last line says how many matter.
std::string comparison_text(const SavedBaseline& saved, const std::vector<Difference>& differences, bool colours);

// {"node": "…", "saved": "…", "same": false, "differences":
//  [{"kind": "missing_rule", "may_be_normal": false, "backend": "nft", "family": "ipv4", "table": "nat",
//    "chain": "PREROUTING", "rule": "match:comment jump KUBE-SERVICES", "was": "", "is": "", "text": "…"}, …]}
// "same": nothing that matters differs.
nlohmann::json comparison_json(const SavedBaseline& saved, const std::vector<Difference>& differences);

}  // namespace chainkeeper::daemon::baseline
