// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/repair_record.hpp"

namespace chainkeeper::daemon {

void RepairRecord::report(const Report& report)
{
    if (const auto* const decided = std::get_if<Decided>(&report))
        under_way_[decided->diagnosis.family].decision = to_string(decided->decision);
    else if (const auto* const committed = std::get_if<Committed>(&report))
        under_way_[committed->plan.family].steps = committed->plan.steps.size();
    else if (const auto* const verified = std::get_if<Verified>(&report)) {
        last_ = under_way_[verified->after.family];
        last_->at = clock_.wall_of(verified->at);
        last_->family = verified->after.family;
    }
}

}  // namespace chainkeeper::daemon
