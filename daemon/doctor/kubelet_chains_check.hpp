// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"
#include "daemon/doctor/guarded_chains.hpp"

namespace chainkeeper::daemon::doctor {

// Is kubelet's part of the ruleset as kubelet makes it, and what would chainkeeperd do where it is not?
class KubeletChainsCheck final : public Check {
public:
    [[nodiscard]] std::string_view name() const override { return "kubelet-chains"; }
    [[nodiscard]] std::string_view question() const override
    {
        return "are kubelet's chains there, and what would chainkeeperd do?";
    }
    // systemd, the daemon and iptables may be asked, one after the other.
    [[nodiscard]] std::chrono::milliseconds deadline() const override { return std::chrono::seconds{10}; }
    [[nodiscard]] Judgement examine(const Node& node) const override;
};

Judgement judge_chains(const GuardedChains& chains);

}  // namespace chainkeeper::daemon::doctor
