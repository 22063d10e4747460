// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"

#include <chrono>

namespace chainkeeper::daemon::doctor {

// The kernel does not tell since when a lock is held: one that is, is watched for this long.
inline constexpr std::chrono::milliseconds lock_watch{500};
// For so long where somebody waits, or the process that has it could have had it for long.
inline constexpr std::chrono::milliseconds long_lock_watch{2000};

// With somebody waiting, so many times the policy's lock_held are critical.
inline constexpr int lock_held_critical = 10;

// Does somebody keep iptables-legacy's lock from kubelet and kube-proxy? They wait for it for 5 s, and fail then.
class XtablesLockCheck final : public Check {
public:
    [[nodiscard]] std::string_view name() const override { return "xtables-lock"; }
    [[nodiscard]] std::string_view question() const override
    {
        return "who holds the lock of iptables-legacy, and who waits for it?";
    }
    [[nodiscard]] Judgement examine(const Node& node) const override;
};

}  // namespace chainkeeper::daemon::doctor
