// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"
#include "daemon/doctor/guarded_chains.hpp"
#include "daemon/kubelet/kubelet_init.hpp"

#include <optional>

namespace chainkeeper::daemon::doctor {

// Did kubelet make its chains when it started? It tries once: in a family where that failed it never looks again, and
// nothing but a restart of kubelet, or chainkeeper, makes them.
class KubeletInitCheck final : public Check {
public:
    [[nodiscard]] std::string_view name() const override { return "kubelet-init"; }
    [[nodiscard]] std::string_view question() const override { return "did kubelet make its chains when it started?"; }
    // systemd is asked, the journal read, and the ruleset looked at, one after the other.
    [[nodiscard]] std::chrono::milliseconds deadline() const override { return std::chrono::seconds{10}; }
    [[nodiscard]] Judgement examine(const Node& node) const override;
};

// A kubelet that runs.
struct InitSeen {
    std::string unit;
    bool is_young = false;  // it may still be about to report
    KubeletInit init;
    std::optional<GuardedChains> chains;  // nothing: they cannot be looked at
};
Judgement judge_init(const InitSeen& seen);

}  // namespace chainkeeper::daemon::doctor
