// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace chainkeeper::daemon::metrics {

// How often something took how long: a histogram of Prometheus, in seconds.
class Histogram {
public:
    // From the 100 us of a commit to the minute and more that kubelet is given.
    static constexpr std::array bounds{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05,  0.1,  0.5,
                                       1.0,    5.0,    10.0,  30.0,  60.0, 120.0, 600.0};

    void observe(Duration took);
    // Of the observations up to bounds[bound].
    [[nodiscard]] std::uint64_t count_up_to(std::size_t bound) const;
    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] double sum() const { return sum_; }

private:
    std::array<std::uint64_t, bounds.size()> counts_{};  // of each bucket alone; what is above all is only in count_
    std::uint64_t count_ = 0;
    double sum_ = 0;
};

}  // namespace chainkeeper::daemon::metrics
