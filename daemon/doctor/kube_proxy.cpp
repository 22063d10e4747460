// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/kube_proxy.hpp"

#include "daemon/doctor/http_get.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <string_view>

namespace chainkeeper::daemon::doctor {

namespace {

// pkg/proxy/apis/config/types.go: ProxyMode; kernelspace is that of Windows.
constexpr std::array<std::string_view, 3> modes{"iptables", "ipvs", "nftables"};

}  // namespace

tl::expected<std::vector<Process>, std::string> kube_proxy_processes(const Root& root)
{
    static constexpr std::array<std::string_view, 1> names{"kube-proxy"};
    return processes_named(root, names);
}

std::optional<std::string> kube_proxy_mode()
{
    const auto mode =
        get_from_loopback(kube_proxy_port, "/proxyMode", std::chrono::steady_clock::now() + kube_proxy_deadline);
    const bool is_known = mode && std::ranges::find(modes, *mode) != modes.end();
    return is_known ? std::optional{*mode} : std::nullopt;
}

tl::expected<std::optional<std::string>, std::string> running_kube_proxy(const Root& root)
{
    const auto processes = kube_proxy_processes(root);
    if (!processes)
        return tl::unexpected(processes.error());
    if (!processes->empty())
        return fmt::format("process {}", processes->front().pid);
    if (kube_proxy_mode())
        return fmt::format("it answers on 127.0.0.1:{}", kube_proxy_port);
    return std::nullopt;
}

}  // namespace chainkeeper::daemon::doctor
