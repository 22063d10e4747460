// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <string_view>

namespace chainkeeper::daemon::doctor {

// How kube-proxy calls its chains of single Services and endpoints: what follows is a hash, or a name.
inline constexpr std::array iptables_service_prefixes{std::string_view{"KUBE-SVC-"}, std::string_view{"KUBE-SVL-"},
                                                      std::string_view{"KUBE-EXT-"}, std::string_view{"KUBE-XLB-"},
                                                      std::string_view{"KUBE-FW-"},  std::string_view{"KUBE-SEP-"}};
// In its table `kube-proxy`.
inline constexpr std::array nftables_service_prefixes{std::string_view{"service-"}, std::string_view{"local-"},
                                                      std::string_view{"external-"}, std::string_view{"firewall-"},
                                                      std::string_view{"endpoint-"}};

}  // namespace chainkeeper::daemon::doctor
