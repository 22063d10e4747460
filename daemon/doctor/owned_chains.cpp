// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/owned_chains.hpp"

#include <algorithm>
#include <array>

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

}  // namespace

const OwnedChains* owner_of(std::string_view chain)
{
    const auto* const found =
        std::ranges::find_if(owned, [&](const OwnedChains& each) { return chain.starts_with(each.prefix); });
    return found == owned.end() ? nullptr : found;
}

}  // namespace chainkeeper::daemon::doctor
