// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/localnet_guard.hpp"

#include "daemon/backends.hpp"
#include "policies/profile.hpp"
#include "repair/diagnose.hpp"
#include "repair/legacy/survey.hpp"
#include "repair/nft/survey.hpp"

#include <algorithm>
#include <chrono>
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

// It does what `wanted` does, to all that `wanted` is for.
bool does_as_much(const repair::Rule& rule, const repair::Rule& wanted)
{
    const auto is_of_wanted = [&](const repair::Match& match) {
        return std::holds_alternative<repair::CommentMatch>(match) ||
               std::ranges::find(wanted.matches, match) != wanted.matches.end();
    };
    return rule.source == wanted.source && rule.destination == wanted.destination && rule.target == wanted.target &&
           std::ranges::all_of(rule.matches, is_of_wanted);
}

// Whether packets get to the rule of the chain that has the effect of `wanted`.
bool is_reached(const repair::Snapshot& seen, std::string_view chain_name, const repair::Rule& wanted)
{
    const auto* const chain = seen.find(repair::Table::filter, chain_name);
    if (chain == nullptr)
        return false;
    const auto found = std::ranges::find_if(chain->rules, [&](const repair::ObservedRule& observed) {
        return observed.rule && does_as_much(*observed.rule, wanted);
    });
    return found != chain->rules.end() && std::none_of(chain->rules.begin(), found, lets_all_pass);
}

bool is_whole(const repair::DesiredState& wanted, const repair::Snapshot& seen)
{
    return !repair::diagnose(wanted, seen).anything_missing() &&
           std::ranges::all_of(wanted.chains, [&](const auto& chain) {
               return std::ranges::all_of(chain.rules,
                                          [&](const auto& rule) { return is_reached(seen, chain.name, rule); });
           });
}

// What is dropped or rejected before it needs no guard.
bool is_led_to(const repair::Survey& filter)
{
    using End = repair::SurveyedRule::End;
    const auto obstacle = filter.obstacle("filter", "INPUT", firewall);
    if (!obstacle)
        return true;
    const bool is_dropped = obstacle->end == End::drop || obstacle->end == End::other;  // that is to reject
    return !obstacle->chain.empty() && is_dropped;
}

template <typename Read>
GuardSeen stands_in(repair::Backend& backend, const repair::DesiredState& wanted, Read filter)
{
    return backend.observe(wanted)
        .and_then([&](const repair::Snapshot& seen) -> repair::Result<bool> {
            if (!is_whole(wanted, seen))
                return false;
            return filter().map(is_led_to);
        })
        .map_error([](const repair::Error& error) { return error.what; });
}

GuardSeen stands_in_nft(repair::Backend& backend, const repair::DesiredState& wanted)
{
    constexpr std::chrono::milliseconds patience{1000};
    return stands_in(backend, wanted,
                     [&] { return repair::nft::survey_way(wanted.family, "filter", "INPUT", patience); });
}

GuardSeen stands_in_legacy(repair::Backend& backend, const repair::DesiredState& wanted)
{
    return stands_in(backend, wanted, [&] { return repair::legacy::survey_table(wanted.family, "filter"); });
}

}  // namespace

GuardSeen KernelLocalnetGuard::stands() const
{
    const auto backends = open_backends({});
    if (!backends)
        return tl::unexpected(backends.error().what);
    const auto wanted = guard_wanted();
    const auto in_nft = backends->nft ? stands_in_nft(*backends->nft, wanted) : GuardSeen{false};
    if (in_nft.value_or(false))
        return true;
    const auto in_legacy =
        backends->legacy ? stands_in_legacy(*backends->legacy, wanted) : tl::unexpected(backends->legacy_trouble);
    return in_legacy.value_or(false) ? true : in_nft ? in_legacy : in_nft;
}

GuardSeen NoLocalnetGuard::stands() const
{
    return tl::unexpected(std::string{"the ruleset of another root cannot be looked at"});
}

}  // namespace chainkeeper::daemon::doctor
