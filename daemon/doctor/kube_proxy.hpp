// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/processes.hpp"
#include "daemon/doctor/root.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace chainkeeper::daemon::doctor {

// Where kube-proxy tells of itself on 127.0.0.1, unless its metricsBindAddress is another.
inline constexpr std::uint16_t kube_proxy_port = 10249;
inline constexpr std::chrono::milliseconds kube_proxy_deadline{1000};

// The processes of that name.
tl::expected<std::vector<Process>, std::string> kube_proxy_processes(const Root& root);

// The mode that one says it is in: "iptables", "ipvs" or "nftables". Nothing where none answers so.
std::optional<std::string> kube_proxy_mode();

// How a kube-proxy is seen to run in this network namespace: "process 123", or "it answers on 127.0.0.1:10249", as one
// does that is part of another program, of k3s for example. Nothing where none is seen.
tl::expected<std::optional<std::string>, std::string> running_kube_proxy(const Root& root);

}  // namespace chainkeeper::daemon::doctor
