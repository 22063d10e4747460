// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/rulesets.hpp"

#include "daemon/backend_evidence.hpp"
#include "repair/legacy/survey.hpp"
#include "repair/nft/survey.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

namespace chainkeeper::daemon::doctor {

namespace {

// While kube-proxy writes, again and again.
constexpr std::chrono::milliseconds patience{1500};

Surveyed survey(const Place& place)
{
    auto survey = place.variant == repair::IptablesVariant::nft ? repair::nft::survey(place.family, patience)
                                                                : repair::legacy::survey(place.family);
    return std::move(survey).map_error([](const repair::Error& error) { return error.what; });
}

}  // namespace

std::string to_string(const Place& place)
{
    return fmt::format("{} in {}", to_string(place.family), place_of(place.variant));
}

bool is_table_of_iptables(std::string_view name)
{
    return std::ranges::find(iptables_tables, name) != iptables_tables.end();
}

std::string command_for(const Place& place, std::string_view table)
{
    return fmt::format("{}-{} -t {}", place.family == repair::Family::ipv4 ? "iptables" : "ip6tables",
                       to_string(place.variant), table);
}

const Surveyed& KernelRulesets::at(const Place& place) const
{
    const auto found = read_.find(place);
    return found != read_.end() ? found->second : read_.emplace(place, survey(place)).first->second;
}

}  // namespace chainkeeper::daemon::doctor
