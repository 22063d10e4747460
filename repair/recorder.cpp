// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/recorder.hpp"

namespace chainkeeper::repair {

Result<Snapshot> Recorder::observe(const DesiredState& desired)
{
    return observed_.observe(desired);
}

Outcome Recorder::commit(const Plan& plan)
{
    last_plan_ = plan;
    return {.kind = Outcome::Kind::recorded, .generation = 0, .detail = "dry run: nothing was written"};
}

}  // namespace chainkeeper::repair
