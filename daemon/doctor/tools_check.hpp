// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"

namespace chainkeeper::daemon::doctor {

// Are the programs there that kubelet, kube-proxy and network plugins run on the node? In /usr/sbin, /usr/bin, /sbin,
// /bin, /usr/local/sbin and /usr/local/bin.
class ToolsCheck final : public Check {
public:
    [[nodiscard]] std::string_view name() const override { return "tools"; }
    [[nodiscard]] std::string_view question() const override
    {
        return "are the programs there that kubelet and network plugins run?";
    }
    [[nodiscard]] bool is_preflight() const override { return true; }
    [[nodiscard]] Judgement examine(const Node& node) const override;
};

}  // namespace chainkeeper::daemon::doctor
