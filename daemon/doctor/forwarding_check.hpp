// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"

namespace chainkeeper::daemon::doctor {

// Does the kernel route for pods, do iptables see what a bridge forwards, and is route_localnet guarded? Where it is on
// and KUBE-FIREWALL is gone, whoever is in the node's network reaches what listens on 127.0.0.1 (CVE-2020-8558).
class ForwardingCheck final : public Check {
public:
    [[nodiscard]] std::string_view name() const override { return "forwarding"; }
    [[nodiscard]] std::string_view question() const override
    {
        return "does the kernel route for pods, and is loopback closed?";
    }
    [[nodiscard]] Judgement examine(const Node& node) const override;
};

}  // namespace chainkeeper::daemon::doctor
