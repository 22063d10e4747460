// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"

namespace chainkeeper::daemon::doctor {

// Do packets for a Service still reach kube-proxy's chains, and do those lead on? In its iptables, its ipvs and its
// nftables mode. Without kube-proxy (a network plugin does its work) there is nothing to look at.
class KubeProxyChainsCheck final : public Check {
public:
    [[nodiscard]] std::string_view name() const override { return "kube-proxy-chains"; }
    [[nodiscard]] std::string_view question() const override
    {
        return "do packets for Services reach kube-proxy's chains?";
    }
    [[nodiscard]] bool reads_rulesets() const override { return true; }
    [[nodiscard]] Judgement examine(const Node& node) const override;
};

}  // namespace chainkeeper::daemon::doctor
