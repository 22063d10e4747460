// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/family.hpp"
#include "repair/iptables_variant.hpp"
#include "repair/survey.hpp"

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace chainkeeper::daemon::doctor {

// A ruleset, or why it cannot be told.
using Surveyed = tl::expected<repair::Survey, std::string>;

// One of the four rulesets that kubelet, kube-proxy and a CNI can have their chains in.
struct Place {
    repair::IptablesVariant variant;
    repair::Family family;
    auto operator<=>(const Place&) const = default;
};
inline constexpr std::array all_places{Place{repair::IptablesVariant::nft, repair::Family::ipv4},
                                       Place{repair::IptablesVariant::nft, repair::Family::ipv6},
                                       Place{repair::IptablesVariant::legacy, repair::Family::ipv4},
                                       Place{repair::IptablesVariant::legacy, repair::Family::ipv6}};
// "ipv4 in nf_tables", "ipv6 in iptables-legacy's tables"
std::string to_string(const Place& place);
bool is_table_of_iptables(std::string_view name);
// In its nftables mode.
inline constexpr std::string_view kube_proxy_table = "kube-proxy";
// "ip6tables-nft -t nat": a command that works there.
std::string command_for(const Place& place, std::string_view table);

// All that iptables has, in either backend.
inline constexpr std::array<std::string_view, 5> iptables_tables{"raw", "mangle", "nat", "filter", "security"};

class Rulesets {
public:
    Rulesets() = default;
    Rulesets(const Rulesets&) = delete;
    Rulesets& operator=(const Rulesets&) = delete;
    Rulesets(Rulesets&&) = delete;
    Rulesets& operator=(Rulesets&&) = delete;
    virtual ~Rulesets() = default;

    [[nodiscard]] virtual const Surveyed& at(const Place& place) const = 0;
};

// Of this network namespace. Each is read when it is first asked for, and once.
class KernelRulesets final : public Rulesets {
public:
    [[nodiscard]] const Surveyed& at(const Place& place) const override;

private:
    mutable std::map<Place, Surveyed> read_;
};

}  // namespace chainkeeper::daemon::doctor
