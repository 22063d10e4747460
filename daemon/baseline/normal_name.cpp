// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/baseline/normal_name.hpp"

#include "daemon/doctor/service_chains.hpp"
#include "repair/printable.hpp"

#include <array>
#include <span>

namespace chainkeeper::daemon::baseline {

namespace {

// Of pods, interfaces and policies: Calico's (to and from workloads and hosts, policies, profiles), kube-router's, and
// those of ports that the CNI plugin portmap and CRI-O open.
constexpr std::array plugin_prefixes{
    std::string_view{"cali-tw-"},
    std::string_view{"cali-fw-"},
    std::string_view{"cali-th-"},
    std::string_view{"cali-fh-"},
    std::string_view{"cali-pi-"},
    std::string_view{"cali-po-"},
    std::string_view{"cali-pri-"},
    std::string_view{"cali-pro-"},
    std::string_view{"KUBE-POD-FW-"},
    std::string_view{"KUBE-NWPLCY-"},
    std::string_view{"CNI-DN-"},
    std::string_view{"cali-to-wl-dispatch-"},
    std::string_view{"cali-from-wl-dispatch-"},
    std::string_view{"KUBE-HP-"},
};

// What comes after these is a number or a hash, or a word: azure-npm's policies, and the CNI plugins' networks.
constexpr std::array hashed_prefixes{std::string_view{"AZURE-NPM-INGRESS-"}, std::string_view{"AZURE-NPM-EGRESS-"},
                                     std::string_view{"CNI-"}};

bool is_hash(std::string_view text)
{
    constexpr std::size_t shortest = 6;
    return text.size() >= shortest && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Empty where none fits, or nothing comes after it.
std::string_view prefix_of(std::span<const std::string_view> prefixes, std::string_view chain)
{
    for (const auto prefix : prefixes)
        if (chain.size() > prefix.size() && chain.starts_with(prefix))
            return prefix;
    return {};
}

}  // namespace

std::string normal_name(std::string_view table, std::string_view chain)
{
    auto prefix = prefix_of(hashed_prefixes, chain);
    if (!is_hash(chain.substr(prefix.size())))
        prefix = prefix_of(plugin_prefixes, chain);
    if (prefix.empty())
        prefix = table == "kube-proxy" ? prefix_of(doctor::nftables_service_prefixes, chain)
                                       : prefix_of(doctor::iptables_service_prefixes, chain);
    return prefix.empty() ? repair::printable(chain) : std::string{prefix} + "*";
}

}  // namespace chainkeeper::daemon::baseline
