// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"

namespace chainkeeper::daemon::doctor {

// Do all who write rules here write them to the same place, nf_tables or the legacy tables? Rules in both are followed
// by the kernel, and each program sees but its own.
class BackendCheck final : public Check {
public:
    [[nodiscard]] std::string_view name() const override { return "backend"; }
    [[nodiscard]] std::string_view question() const override
    {
        return "do all programs write to the same iptables backend?";
    }
    [[nodiscard]] bool reads_rulesets() const override { return true; }
    // The roots of containers.
    [[nodiscard]] bool may_hang() const override { return true; }
    [[nodiscard]] Judgement examine(const Node& node) const override;
};

}  // namespace chainkeeper::daemon::doctor
