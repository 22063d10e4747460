// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/metrics/histogram.hpp"

#include <algorithm>
#include <numeric>

namespace chainkeeper::daemon::metrics {

void Histogram::observe(Duration took)
{
    const auto seconds = std::chrono::duration<double>{took}.count();
    const auto bound = std::ranges::lower_bound(bounds, seconds);
    if (bound != bounds.end())
        ++counts_[static_cast<std::size_t>(bound - bounds.begin())];
    ++count_;
    sum_ += seconds;
}

std::uint64_t Histogram::count_up_to(std::size_t bound) const
{
    const auto end = counts_.begin() + static_cast<std::ptrdiff_t>(bound) + 1;
    return std::accumulate(counts_.begin(), end, std::uint64_t{0});
}

}  // namespace chainkeeper::daemon::metrics
