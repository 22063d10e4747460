// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"
#include "daemon/doctor/examination.hpp"
#include "daemon/metrics/metric.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::daemon::doctor {

inline constexpr std::string_view rules_metric = "chainkeeper_rules";

// Those of doctor's file, in the order of chainkeeper-metrics(7) and of the file. None is the daemon's as well: of two
// files with samples of one metric node_exporter takes neither.
std::span<const metrics::Metric> doctor_metrics();

// What was found, in Prometheus' text format.
std::string metrics_text(const std::vector<Examined>& examined, WallTime looked);

// What chainkeeper-doctor.service has written last.
struct LastRun {
    WallTime looked;
    std::vector<Figure> figures;
};
// Nothing where it has written none, or another has.
std::optional<LastRun> last_run(const Root& root);

}  // namespace chainkeeper::daemon::doctor
