// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"

#include <chrono>
#include <cstdint>

namespace chainkeeper::daemon::doctor {

// In percent of nf_conntrack_max: above it, new connections are dropped any moment. The policy says what to warn of.
inline constexpr unsigned conntrack_critical = 95;

// For so long it is watched whether losses grow, where there ever were some.
inline constexpr std::chrono::milliseconds loss_watch{500};

// Of insert_failed, fewer than so many more in that time are nothing: where a node asks DNS a lot, two lookups race now
// and then.
inline constexpr std::uint64_t least_failed = 5;

// Is there room for new connections? A full table drops what opens one ("nf_conntrack: table full, dropping packet").
class ConntrackCheck final : public Check {
public:
    [[nodiscard]] std::string_view name() const override { return "conntrack"; }
    [[nodiscard]] std::string_view question() const override
    {
        return "has the table of connections room, and has it lost packets?";
    }
    [[nodiscard]] Judgement examine(const Node& node) const override;
};

}  // namespace chainkeeper::daemon::doctor
