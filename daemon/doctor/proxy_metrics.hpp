// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

// What kube-proxy says of its syncs in the text format of Prometheus (pkg/proxy/metrics/metrics.go). From 1.33 on there
// is one of each for an IP family, labelled ip_family; until then there is one for both.
namespace chainkeeper::daemon::doctor {

// One line: name{label="value",…} value [timestamp].
struct MetricSample {
    std::string name;
    std::map<std::string, std::string> labels;
    double value = 0;
    bool operator==(const MetricSample&) const = default;
};
// Nothing for a comment, an empty line, and what is none.
std::optional<MetricSample> metric_sample(std::string_view line);

// Of one IP family, or of both.
struct FamilySyncs {
    std::map<double, double> buckets;   // of the durations: up to so many seconds, cumulative
    std::optional<double> last_synced;  // seconds since 1970; nothing where it never was
    std::optional<double> last_queued;
    double restore_failures = 0;
    double partial_restore_failures = 0;  // after which all is written
    double nftables_failures = 0;
    std::optional<double> endpoint_changes_pending;
    std::optional<double> service_changes_pending;
};

struct ProxyMetrics {
    std::map<std::string, FamilySyncs> families;  // "" where there is no label
    [[nodiscard]] bool empty() const { return families.empty(); }
};
// At most a few families and buckets: more is nothing that kube-proxy says. What is not known is left out.
ProxyMetrics proxy_metrics(std::string_view text);

// In seconds, as histogram_quantile() of Prometheus has it; nothing where nothing was counted.
std::optional<double> quantile(const std::map<double, double>& buckets, double share);

}  // namespace chainkeeper::daemon::doctor
