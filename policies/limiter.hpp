// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/policy.hpp"

#include <optional>

namespace chainkeeper::policies {

// Keeps us out of a fight: how often one family may be repaired.
//
// There is a bucket of `repairs` tokens, which fills evenly, `repairs` in `per`, and a repair takes one. The repair
// that takes the last one meets the limit, and a standoff of `backoff` begins with it. Nothing comes into the bucket
// during a standoff; at its end there is one token. So whoever goes on fighting gets one repair after each standoff,
// and each standoff is twice as long as the one before, up to `backoff_max`.
//
// The backoff starts anew, and the bucket is full, when no repair was made for `per`, counted from the last repair, or
// from the end of the last standoff where that is later. (A repair that is wanted during a standoff is made at its
// end.)
class Limiter {
public:
    // Of limits that the policy file lets through.
    explicit Limiter(const Policy::Limits& limits) : limits_{limits}, next_backoff_{limits.backoff} {}

    // A repair was committed; in a dry run, would have been. One that was made during a standoff all the same, such as
    // an operator's, counts for nothing. A clock that goes back stands still.
    void spend(Instant now);

    // Nothing where a repair may be made.
    [[nodiscard]] std::optional<Instant> standoff_until(Instant now) const;

    // Limits that are not as they were are a start from the beginning, with a full bucket.
    void adopt(const Policy::Limits& limits);

private:
    [[nodiscard]] Duration price() const;
    void begin_standoff(Instant now);

    Policy::Limits limits_;
    Duration next_backoff_;
    // What was taken from the bucket and has not come back at `as_of_`, as the time that it takes to come back.
    Duration owed_{};
    Instant as_of_{};  // the last repair, or the end of the last standoff
    std::optional<Instant> standoff_end_;
};

}  // namespace chainkeeper::policies
