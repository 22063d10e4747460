// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/api/bus_object.hpp"
#include "daemon/report.hpp"

#include <map>

namespace chainkeeper::daemon {

// The reports that the bus shows as signals: a flush, a decision, a repair that was read back.
class BusReports final : public ReportSink {
public:
    explicit BusReports(BusObject& object) : object_{object} {}
    void report(const Report& report) override;

private:
    struct Repair {
        policies::Decision decision;  // the last one
        std::size_t steps = 0;        // of the last commit
    };

    BusObject& object_;
    std::map<repair::Family, Repair> repairs_;
};

}  // namespace chainkeeper::daemon
