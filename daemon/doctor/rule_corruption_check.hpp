// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"

namespace chainkeeper::daemon::doctor {

// Has a rule lost what says which packets it is for? A program that reads rules and writes them back can lose the
// matches that it does not know: what is left of kubelet's rule in KUBE-FIREWALL then drops everything.
class RuleCorruptionCheck final : public Check {
public:
    [[nodiscard]] std::string_view name() const override { return "rule-corruption"; }
    [[nodiscard]] std::string_view question() const override
    {
        return "has a rule of Kubernetes or a plugin lost its matches?";
    }
    [[nodiscard]] bool reads_rulesets() const override { return true; }
    [[nodiscard]] Judgement examine(const Node& node) const override;
};

}  // namespace chainkeeper::daemon::doctor
