// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/bus/bus_object.hpp"
#include "daemon/unit_state.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace chainkeeper::daemon {

// A job as ListJobs tells of it.
struct ListedJob {
    std::uint32_t id = 0;
    std::string unit;
    std::string type;
    bool operator==(const ListedJob&) const = default;
};
// Reads the answer of ListJobs: a(usssoo).
repair::Result<std::vector<ListedJob>> listed_jobs_from(sd_bus_message& reply);

// The manager's signals JobNew and JobRemoved; the type of the job is in neither.
struct JobSignal {
    enum class Kind : std::uint8_t { added, removed };
    Kind kind = Kind::added;
    std::uint32_t id = 0;
    std::string unit;
    bool operator==(const JobSignal&) const = default;
};
// Nothing for another signal of the manager.
repair::Result<std::optional<JobSignal>> job_signal_from(sd_bus_message& signal);

// The jobs of some units, as they come and go.
class UnitJobs {
public:
    explicit UnitJobs(std::vector<std::string> units) : units_{std::move(units)} {}

    void hear(const JobSignal& signal, Instant now);
    // What is there now, of all units. A job that is known keeps its first type: while a restart runs systemd makes it
    // a start.
    void list(const std::vector<ListedJob>& listed, Instant now);

    [[nodiscard]] std::vector<UnitJob> jobs() const;  // the oldest first

private:
    [[nodiscard]] bool is_ours(const std::string& unit) const;

    std::vector<std::string> units_;
    std::map<std::uint32_t, UnitJob> jobs_;  // systemd counts them up
};

}  // namespace chainkeeper::daemon
