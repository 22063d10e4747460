// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/report.hpp"

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace chainkeeper::daemon {

// What one look of the keeper's came to in one family.
struct FamilyLook {
    Decided decided;
    std::optional<Committed> committed;
    std::optional<Verified> verified;
};

struct Looked {
    std::vector<FamilyLook> families;
    std::vector<std::string> troubles;
    std::string backend;     // "nft"; empty where it is in doubt, or was not asked for
    std::string opted_out;   // why kubelet makes no chains; empty where it makes them, or was not asked
    bool held_back = false;  // the policy's mode, a hold or a change window forbids a daemon to write
};

// Gathers what a keeper reports of one look, family by family.
class LookSink final : public ReportSink {
public:
    void report(const Report& report) override;
    [[nodiscard]] const Looked& looked() const { return looked_; }

private:
    FamilyLook& look_of(repair::Family family);

    Looked looked_;
};

// What `chainkeeper plan` and `chainkeeper repair` print, whoever looked:
// {"families": [{"family": "ipv4", "decision": "…", "diagnosis": {…}, "plan": {…}, "lines": ["…"],
//                "restore": "…"}, …], "errors": ["…"]}
nlohmann::json plan_json(const Looked& looked);
// The same without "restore"; "outcome": {"kind", "generation", "detail", "stale_commits"} where there was a commit,
// and "verified": true | false where it was read back.
nlohmann::json repair_json(const Looked& looked);

}  // namespace chainkeeper::daemon
