// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/limiter.hpp"

#include <algorithm>

namespace chainkeeper::policies {

void Limiter::spend(Instant now)
{
    if (standoff_until(now))
        return;
    const auto passed = std::max(now - as_of_, Duration::zero());
    if (passed >= limits_.per)
        next_backoff_ = limits_.backoff;
    owed_ = std::max(owed_ - passed, Duration::zero()) + price();
    as_of_ = std::max(now, as_of_);
    if (owed_ + price() > limits_.per)
        begin_standoff(as_of_);
}

std::optional<Instant> Limiter::standoff_until(Instant now) const
{
    return standoff_end_ && now < *standoff_end_ ? standoff_end_ : std::nullopt;
}

void Limiter::adopt(const Policy::Limits& limits)
{
    if (limits != limits_)
        *this = Limiter{limits};
}

// A token, as the time that it takes to come back. Rounded down, so that all of them fit into `per`.
Duration Limiter::price() const
{
    return limits_.per / limits_.repairs;
}

void Limiter::begin_standoff(Instant now)
{
    standoff_end_ = now + next_backoff_;
    next_backoff_ = next_backoff_ > limits_.backoff_max / 2 ? limits_.backoff_max : next_backoff_ * 2;
    as_of_ = *standoff_end_;
    owed_ = limits_.per - price();
}

}  // namespace chainkeeper::policies
