// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/family.hpp"

#include <cstddef>
#include <string>

// What kube-proxy makes of one Service with two endpoints, and of a NodePort, in each of its modes; and of many. In the
// shape that Kubernetes 1.34 gives it (pkg/proxy/iptables, ipvs and nftables of its sources).
namespace chainkeeper::tests {

// With the iptables in use.
void make_kube_proxy(repair::Family family);
void make_kube_proxy_ipvs(repair::Family family);
// Of both of these the filter table alone.
void make_kube_proxy_filter(repair::Family family);
// Always in nf_tables.
void make_kube_proxy_nftables(repair::Family family);
// Beside make_kube_proxy: two chains and three rules each.
void make_services(repair::Family family, std::size_t count);

}  // namespace chainkeeper::tests
