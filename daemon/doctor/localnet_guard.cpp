// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/localnet_guard.hpp"

#include "daemon/backends.hpp"
#include "policies/profile.hpp"
#include "repair/diagnose.hpp"

#include <algorithm>
#include <variant>
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

bool lets_all_pass(const repair::ObservedRule& observed)
{
    if (!observed.rule || !repair::matches_everything(*observed.rule))
        return false;
    const auto* const verdict = std::get_if<repair::Verdict>(&observed.rule->target);
    return verdict != nullptr && *verdict != repair::Verdict::drop;
}

// Whether packets get to the rule of the chain that has the effect of `wanted`.
bool is_reached(const repair::Snapshot& seen, std::string_view chain_name, const repair::Rule& wanted)
{
    const auto* const chain = seen.find(repair::Table::filter, chain_name);
    if (chain == nullptr)
        return false;
    const auto found = std::ranges::find_if(chain->rules, [&](const repair::ObservedRule& observed) {
        return observed.rule && repair::same_effect(*observed.rule, wanted);
    });
    return found != chain->rules.end() && std::none_of(chain->rules.begin(), found, lets_all_pass);
}

bool stands(const repair::DesiredState& wanted, const repair::Snapshot& seen)
{
    if (repair::diagnose(wanted, seen).anything_missing())
        return false;
    const bool is_led_to = std::ranges::all_of(
        wanted.jumps, [&](const auto& jump) { return is_reached(seen, jump.base_chain, jump.rule); });
    return is_led_to && std::ranges::all_of(wanted.chains, [&](const auto& chain) {
               return std::ranges::all_of(chain.rules,
                                          [&](const auto& rule) { return is_reached(seen, chain.name, rule); });
           });
}

GuardSeen stands_in(repair::Backend& backend, const repair::DesiredState& wanted)
{
    return backend.observe(wanted)
        .map([&](const repair::Snapshot& seen) { return stands(wanted, seen); })
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
