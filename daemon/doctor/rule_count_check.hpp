// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"

namespace chainkeeper::daemon::doctor {

// Are there more rules than iptables is quick with? It reads or replaces a whole table with each command, and
// kube-proxy's iptables mode follows every rule for the first packet of a connection.
class RuleCountCheck final : public Check {
public:
    [[nodiscard]] std::string_view name() const override { return "rule-count"; }
    [[nodiscard]] std::string_view question() const override
    {
        return "are there more rules than iptables is quick with?";
    }
    [[nodiscard]] bool reads_rulesets() const override { return true; }
    [[nodiscard]] Judgement examine(const Node& node) const override;
};

}  // namespace chainkeeper::daemon::doctor
