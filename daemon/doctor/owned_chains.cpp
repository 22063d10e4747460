// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/owned_chains.hpp"

#include "daemon/doctor/rulesets.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace chainkeeper::daemon::doctor {

namespace {

// The first that fits counts.
constexpr std::array owned{
    OwnedChains{"KUBE-SOURCE-RANGES-FIREWALL", LastRule::may_be_bare},  // kube-proxy's, in its ipvs mode
    OwnedChains{"KUBE-ROUTER", LastRule::may_be_bare},                  // kube-router's, and the next two
    OwnedChains{"KUBE-POD-FW-", LastRule::may_be_bare},
    OwnedChains{"KUBE-NWPLCY", LastRule::may_be_bare},
    OwnedChains{"KUBE-", LastRule::narrows},
    OwnedChains{"cali-", LastRule::may_be_bare},
    OwnedChains{"CILIUM_", LastRule::may_be_bare},
    OwnedChains{"OLD_CILIUM_", LastRule::may_be_bare},
    OwnedChains{"FLANNEL-", LastRule::may_be_bare},
    OwnedChains{"AWS-", LastRule::may_be_bare},
    OwnedChains{"WEAVE", LastRule::may_be_bare},
    OwnedChains{"AZURE-NPM", LastRule::may_be_bare},
    OwnedChains{"ANTREA-", LastRule::may_be_bare},
    OwnedChains{"CNI-", LastRule::may_be_bare},
};

// What it writes in its nftables mode (pkg/proxy/nftables/proxier.go); its other chains drop and reject.
constexpr std::array in_nftables_mode{
    OwnedChains{"services", LastRule::narrows},
    OwnedChains{"service-", LastRule::narrows},
    OwnedChains{"endpoint-", LastRule::narrows},
    OwnedChains{"masquerading", LastRule::narrows},
    OwnedChains{"mark-for-masquerade", LastRule::narrows},
};

const OwnedChains* find(std::span<const OwnedChains> chains, std::string_view chain)
{
    const auto found =
        std::ranges::find_if(chains, [&](const OwnedChains& each) { return chain.starts_with(each.prefix); });
    return found == chains.end() ? nullptr : &*found;
}

}  // namespace

const OwnedChains* owner_of(std::string_view table, std::string_view chain)
{
    return table == kube_proxy_table ? find(in_nftables_mode, chain) : find(owned, chain);
}

}  // namespace chainkeeper::daemon::doctor
