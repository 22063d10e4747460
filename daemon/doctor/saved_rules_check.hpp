// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"

#include <set>

namespace chainkeeper::daemon::doctor {

// Will the next restart of the firewall bring back chains of Kubernetes that were saved with the rest? They are out of
// date, and they hide from their owners that everything else is gone.
class SavedRulesCheck final : public Check {
public:
    [[nodiscard]] std::string_view name() const override { return "saved-rules"; }
    [[nodiscard]] std::string_view question() const override
    {
        return "will a restart of the firewall bring back old KUBE- chains?";
    }
    [[nodiscard]] bool is_preflight() const override { return true; }
    [[nodiscard]] Judgement examine(const Node& node) const override;
};

// Adds the KUBE- chains that a line of iptables-save, or of nft, makes, fills or jumps to.
void add_saved_chains(std::set<std::string>& chains, std::string_view line);

}  // namespace chainkeeper::daemon::doctor
