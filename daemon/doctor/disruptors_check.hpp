// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"

namespace chainkeeper::daemon::doctor {

// Who will flush kubelet's chains next, and who has last? The units that the policy calls disruptors, and the timers
// and cron files that run what rewrites the firewall.
class DisruptorsCheck final : public Check {
public:
    [[nodiscard]] std::string_view name() const override { return "disruptors"; }
    [[nodiscard]] std::string_view question() const override
    {
        return "what rewrites the firewall here, and when did it last?";
    }
    // systemd is asked of one unit after the other.
    [[nodiscard]] std::chrono::milliseconds deadline() const override { return std::chrono::seconds{10}; }
    [[nodiscard]] Judgement examine(const Node& node) const override;
};

}  // namespace chainkeeper::daemon::doctor
