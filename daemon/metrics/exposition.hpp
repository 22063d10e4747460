// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/metrics/histogram.hpp"
#include "daemon/metrics/metric.hpp"

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chainkeeper::daemon::metrics {

using Labels = std::vector<std::pair<std::string_view, std::string>>;

// Prometheus' text format, version 0.0.4. Values of labels are made printable. The samples of a metric stand together,
// in the order in which they were added, whatever was added between them.
class Exposition {
public:
    // Of these metrics: a static table.
    explicit Exposition(std::span<const Metric> metrics) : metrics_{metrics} {}

    // `metric` is the name of one of them.
    void add(std::string_view metric, const Labels& labels, double value);
    void add(std::string_view metric, const Labels& labels, const Histogram& histogram);
    // One sample for each of `states`, 1 for the one that is so.
    void add_states(std::string_view metric, const Labels& labels, std::string_view label,
                    const std::vector<std::string_view>& states, std::string_view state);

    // In the order of the table. A metric without samples is left out.
    [[nodiscard]] std::string text() const;

private:
    std::span<const Metric> metrics_;
    std::map<std::string_view, std::string> samples_;
};

}  // namespace chainkeeper::daemon::metrics
