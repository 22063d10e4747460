// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace chainkeeper::daemon::doctor {

// How many packets connection tracking has lost since the kernel started, on all processors.
struct ConntrackLosses {
    std::uint64_t insert_failed = 0;  // another connection was there already: two packets have raced
    std::uint64_t drop = 0;           // the table was full, memory was short, or such a race was lost
    std::uint64_t early_drop = 0;     // connections that made room for new ones
    bool operator==(const ConntrackLosses&) const = default;
};

struct LossesTold {
    std::optional<ConntrackLosses> losses;
    std::string untold{};  // why there are none
};
// Where it should be told, and is not: a sentence.
using LossesSeen = tl::expected<LossesTold, std::string>;

// Of what /proc/net/stat/nf_conntrack holds. The error says what is missing in it.
tl::expected<ConntrackLosses, std::string> losses_in(const std::string& statistics);

// What tells where there is no such file.
class LossCounters {
public:
    LossCounters() = default;
    LossCounters(const LossCounters&) = delete;
    LossCounters& operator=(const LossCounters&) = delete;
    LossCounters(LossCounters&&) = delete;
    LossCounters& operator=(LossCounters&&) = delete;
    virtual ~LossCounters() = default;

    [[nodiscard]] virtual LossesSeen read() const = 0;
};

// Of this network namespace, by ctnetlink. Whoever asks has the kernel load nf_conntrack_netlink.
class KernelLossCounters final : public LossCounters {
public:
    [[nodiscard]] LossesSeen read() const override;
};

// Of an image, of which nothing is tracked.
class NoLossCounters final : public LossCounters {
public:
    [[nodiscard]] LossesSeen read() const override;
};
inline const NoLossCounters no_loss_counters;

}  // namespace chainkeeper::daemon::doctor
