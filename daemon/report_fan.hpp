// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/report.hpp"

#include <vector>

namespace chainkeeper::daemon {

// Gives every report to several sinks, which have to outlive it or be removed.
class ReportFan final : public ReportSink {
public:
    void add(ReportSink& sink) { sinks_.push_back(&sink); }
    void remove(const ReportSink& sink) { std::erase(sinks_, &sink); }
    void report(const Report& report) override
    {
        for (auto* const sink : sinks_)
            sink->report(report);
    }

private:
    std::vector<ReportSink*> sinks_;
};

}  // namespace chainkeeper::daemon
