// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"
#include "daemon/report.hpp"
#include "daemon/status.hpp"

#include <map>
#include <optional>

namespace chainkeeper::daemon {

// Remembers the last repair, which is reported in parts: its decision, its commit, its verification.
class RepairRecord final : public ReportSink {
public:
    explicit RepairRecord(const Clock& clock) : clock_{clock} {}

    void report(const Report& report) override;
    [[nodiscard]] const std::optional<Status::LastRepair>& last() const { return last_; }

private:
    const Clock& clock_;
    std::map<repair::Family, Status::LastRepair> under_way_;
    std::optional<Status::LastRepair> last_;
};

}  // namespace chainkeeper::daemon
