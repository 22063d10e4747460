// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/localnet_guard.hpp"

#include "daemon/backends.hpp"
#include "policies/profile.hpp"
#include "repair/diagnose.hpp"

#include <vector>

namespace chainkeeper::daemon::doctor {

namespace {

constexpr std::string_view firewall = "KUBE-FIREWALL";

// What every kubelet makes of it, in the words of the newest profile.
repair::DesiredState guard_wanted()
{
    auto wanted = policies::profiles().back().of(repair::Family::ipv4);
    std::erase_if(wanted.chains, [](const auto& chain) { return chain.name != firewall; });
    std::erase_if(wanted.jumps, [](const auto& jump) { return jump.base_chain != "INPUT"; });
    return wanted;
}

GuardSeen stands_in(repair::Backend& backend, const repair::DesiredState& wanted)
{
    return backend.observe(wanted)
        .map([&](const repair::Snapshot& seen) { return !repair::diagnose(wanted, seen).anything_missing(); })
        .map_error([](const repair::Error& error) { return error.what; });
}

}  // namespace

GuardSeen KernelLocalnetGuard::stands() const
{
    const auto backends = open_backends({});
    if (!backends)
        return tl::unexpected(backends.error().what);
    const auto wanted = guard_wanted();
    const auto in_nft = backends->nft ? stands_in(*backends->nft, wanted) : GuardSeen{false};
    if (in_nft.value_or(false))
        return true;
    const auto in_legacy =
        backends->legacy ? stands_in(*backends->legacy, wanted) : tl::unexpected(backends->legacy_trouble);
    return in_legacy.value_or(false) ? true : in_nft ? in_legacy : in_nft;
}

GuardSeen NoLocalnetGuard::stands() const
{
    return tl::unexpected(std::string{"the ruleset of another root cannot be looked at"});
}

}  // namespace chainkeeper::daemon::doctor
