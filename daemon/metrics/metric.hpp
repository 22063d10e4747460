// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace chainkeeper::daemon::metrics {

// A metric family of Prometheus' text format.
struct Metric {
    enum class Type : std::uint8_t { counter, gauge, histogram };
    std::string_view name;
    Type type = Type::gauge;
    std::string_view help;
};

std::string_view to_string(Metric::Type type);

// Those of the daemon's file, in the order of chainkeeper-metrics(7) and of the file.
std::span<const Metric> daemon_metrics();

}  // namespace chainkeeper::daemon::metrics
