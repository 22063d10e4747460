// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/proxy_mode.hpp"

#include "daemon/doctor/service_chains.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace chainkeeper::daemon::doctor {

namespace {

using repair::Survey;

constexpr std::array iptables_ways{
    Way{"nat", "KUBE-SERVICES", "PREROUTING"},
    Way{"nat", "KUBE-SERVICES", "OUTPUT"},
    Way{"nat", "KUBE-POSTROUTING", "POSTROUTING"},
    Way{"filter", "KUBE-FORWARD", "FORWARD"},
};
constexpr std::array iptables_others{Way{"nat", "KUBE-NODEPORTS", ""}};
// Each from another version on, always with its jumps; without rules where no Service needs any.
constexpr std::array iptables_led_to{
    Way{"filter", "KUBE-SERVICES", ""},
    Way{"filter", "KUBE-EXTERNAL-SERVICES", ""},
    Way{"filter", "KUBE-NODEPORTS", ""},
    Way{"filter", "KUBE-PROXY-FIREWALL", ""},
};
constexpr std::array ipvs_led_to{Way{"filter", "KUBE-PROXY-FIREWALL", ""}};
constexpr std::array<std::string_view, 1> iptables_never_empty{"KUBE-MARK-MASQ"};
constexpr std::array<std::string_view, 2> ipvs_never_empty{"KUBE-MARK-MASQ", "KUBE-LOAD-BALANCER"};
constexpr std::array<std::string_view, 1> nftables_never_empty{"mark-for-masquerade"};
// pkg/proxy/nftables/proxier.go, from Kubernetes 1.31.
constexpr std::array nftables_ways{
    Way{kube_proxy_table, "services", "nat-prerouting"},
    Way{kube_proxy_table, "services", "nat-output"},
    Way{kube_proxy_table, "masquerading", "nat-postrouting"},
};

constexpr Mode iptables_mode{.name = "iptables",
                             .ways = iptables_ways,
                             .others = iptables_others,
                             .led_to = iptables_led_to,
                             .never_empty = iptables_never_empty,
                             .masquerading = "KUBE-POSTROUTING",
                             .service_table = "nat",
                             .service_prefixes = iptables_service_prefixes};
// Its Services are in ipvs and in ipsets. Chains of the iptables mode stay when that was the mode before.
constexpr Mode ipvs_mode{.name = "ipvs",
                         .ways = iptables_ways,
                         .others = {},
                         .led_to = ipvs_led_to,
                         .never_empty = ipvs_never_empty,
                         .masquerading = "KUBE-POSTROUTING",
                         .service_table = "nat",
                         .service_prefixes = {}};
constexpr Mode nftables_mode{.name = "nftables",
                             .ways = nftables_ways,
                             .others = {},
                             .led_to = {},
                             .never_empty = nftables_never_empty,
                             .masquerading = "masquerading",
                             .service_table = kube_proxy_table,
                             .service_prefixes = nftables_service_prefixes};

bool is_led_to(const Survey& survey, const Way& way)
{
    const auto* const chain = survey.find(way.table, way.chain);
    return chain != nullptr && chain->references > 0;
}

bool is_filled(const Survey& survey, const Way& way)
{
    return is_led_to(survey, way) && survey.find(way.table, way.chain)->rules > 0;
}

constexpr Way services = iptables_ways.front();
constexpr Way forward = iptables_ways.back();
constexpr Way node_ports = iptables_others.front();
constexpr Way ipvs_node_ports{"nat", "KUBE-NODE-PORT", ""};
constexpr Way ipvs_load_balancer{"nat", "KUBE-LOAD-BALANCER", ""};

bool is_there(const Survey& survey, const Way& way)
{
    return survey.find(way.table, way.chain) != nullptr;
}

}  // namespace

bool Mode::is_service(std::string_view chain) const
{
    return std::ranges::any_of(service_prefixes, [&](auto prefix) { return chain.starts_with(prefix); });
}

const Mode* mode_of(const Survey& survey)
{
    if (survey.tables.contains(std::string{kube_proxy_table}))
        return &nftables_mode;
    const bool was_ipvs = is_there(survey, ipvs_node_ports) || is_there(survey, ipvs_load_balancer);
    if (was_ipvs && !is_led_to(survey, node_ports))
        return &ipvs_mode;
    const auto nat = survey.tables.find("nat");
    const auto is_service = [](const auto& each) { return iptables_mode.is_service(each.first); };
    const bool is_iptables = is_there(survey, services) || is_there(survey, node_ports) || is_there(survey, forward) ||
                             (nat != survey.tables.end() && std::ranges::any_of(nat->second.chains, is_service));
    return is_iptables ? &iptables_mode : nullptr;
}

bool has_way_to_services(const Survey& survey)
{
    return is_led_to(survey, services);
}

bool is_in_use(const Survey& survey)
{
    const auto is_filled_here = [&](const Way& way) { return is_filled(survey, way); };
    return survey.tables.contains(std::string{kube_proxy_table}) || is_filled_here(services) ||
           is_filled_here(forward) || std::ranges::any_of(iptables_led_to, is_filled_here);
}

}  // namespace chainkeeper::daemon::doctor
