// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"
#include "daemon/history/history_file.hpp"
#include "daemon/history/incident.hpp"
#include "daemon/report.hpp"

#include <string>
#include <vector>

namespace chainkeeper::daemon {

// Every incident of this node, over restarts and boots.
class History final : public ReportSink {
public:
    // `boot` is boot_id().
    History(HistoryFile file, const Clock& clock, std::string boot);

    void report(const Report& report) override;
    // To be called after each look: writes the incident that it made complete, if any. After an error that one is lost.
    repair::Result<void> end_of_look();
    // To be called when the daemon ends.
    repair::Result<void> end();

    // The newest incident, a line of JSON; empty where there is none.
    [[nodiscard]] const std::string& last() const { return last_; }
    [[nodiscard]] repair::Result<std::vector<std::string>> newest(std::size_t most) const { return file_.newest(most); }
    void set_limit(std::size_t limit) { file_.set_limit(limit); }

private:
    repair::Result<void> write(const std::optional<Incident>& incident);

    HistoryFile file_;
    const Clock& clock_;
    std::string boot_;
    IncidentGatherer gatherer_;
    std::string last_;
};

// /proc/sys/kernel/random/boot_id; empty where it cannot be read.
std::string boot_id();

}  // namespace chainkeeper::daemon
