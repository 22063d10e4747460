// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/bus_reports.hpp"

namespace chainkeeper::daemon {

void BusReports::report(const Report& report)
{
    if (const auto* const settled = std::get_if<Settled>(&report); settled != nullptr && settled->burst.losses.any()) {
        object_.emit_flushed(settled->burst);
    } else if (const auto* const decided = std::get_if<Decided>(&report)) {
        repairs_[decided->diagnosis.family].decision = decided->decision;
        object_.emit_decided(decided->diagnosis.family, decided->decision);
    } else if (const auto* const committed = std::get_if<Committed>(&report)) {
        repairs_[committed->plan.family].steps = committed->plan.steps.size();
    } else if (const auto* const verified = std::get_if<Verified>(&report)) {
        const auto& [decision, steps] = repairs_[verified->after.family];
        object_.emit_repaired(verified->after.family, decision, steps, verified->fulfilled);
    }
}

}  // namespace chainkeeper::daemon
