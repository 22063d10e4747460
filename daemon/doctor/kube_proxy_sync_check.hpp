// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"
#include "daemon/doctor/proxy_metrics.hpp"

namespace chainkeeper::daemon::doctor {

// Does kube-proxy keep up? It syncs when something has changed, and only then: an old sync is no fault by itself.
class KubeProxySyncCheck final : public Check {
public:
    [[nodiscard]] std::string_view name() const override { return "kube-proxy-sync"; }
    [[nodiscard]] std::string_view question() const override { return "does kube-proxy write its rules, and in time?"; }
    [[nodiscard]] Judgement examine(const Node& node) const override;
};

// Of what kube-proxy says, `now` seconds after 1970.
Judgement judge_syncs(const ProxyMetrics& metrics, const policies::Policy::Doctor& thresholds, double now);

}  // namespace chainkeeper::daemon::doctor
