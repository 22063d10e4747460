// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/options.hpp"

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace chainkeeper::daemon::doctor {

// kubelet's chains as they are now, and what a daemon would do about them: as `chainkeeper check` and `chainkeeper
// plan` have it.
struct GuardedChains {
    struct Family {
        std::string name;                   // "ipv4"
        std::string decision;               // "repair: assist"
        std::vector<std::string> findings;  // sentences
        bool guarded = true;                // kubelet makes chains here
        std::string monitor_by_journal{};   // "alive" or "dead", where a daemon has read it when kubelet started
    };
    std::vector<Family> families;
    bool daemon_runs = false;  // chainkeeperd keeps this network namespace, and has answered
    bool held_back = false;    // the policy's mode, a hold or a change window forbids it to write
    std::string opted_out;     // why kubelet makes no chains at all; empty where it makes them

    // Of that name; nothing where it was not looked at.
    [[nodiscard]] const Family* family(std::string_view name) const;
};

// Asks the daemon where one runs, and looks by itself elsewhere. The error is a sentence.
tl::expected<GuardedChains, std::string> look_at_guarded_chains(const PolicyOptions& options);

// In what `chainkeeperd` answers to Check: daemon/status.hpp.
GuardedChains guarded_chains_in(const nlohmann::json& status);

}  // namespace chainkeeper::daemon::doctor
