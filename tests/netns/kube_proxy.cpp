// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/kube_proxy.hpp"

#include "tests/netns/node.hpp"
#include "tests/support/ruleset.hpp"

#include <fmt/format.h>

namespace chainkeeper::tests {

using repair::Family;

namespace {

// Where Services, pods and what is not a pod are.
struct Addresses {
    std::string service;
    std::string first;
    std::string second;
    std::string pods;
    std::string port_of_first;
    std::string port_of_second;
    std::string loopback;
};

Addresses addresses_of(Family family)
{
    if (family == Family::ipv4)
        return {.service = "10.96.0.1/32",
                .first = "10.244.1.2/32",
                .second = "10.244.2.3/32",
                .pods = "10.244.0.0/16",
                .port_of_first = "10.244.1.2:6443",
                .port_of_second = "10.244.2.3:6443",
                .loopback = "127.0.0.0/8"};
    return {.service = "fd00:96::1/128",
            .first = "fd00:244:1::2/128",
            .second = "fd00:244:2::3/128",
            .pods = "fd00:244::/32",
            .port_of_first = "[fd00:244:1::2]:6443",
            .port_of_second = "[fd00:244:2::3]:6443",
            .loopback = "::1/128"};
}

// The filter table of both of iptables' modes.
constexpr auto filter = R"(*filter
:KUBE-FORWARD - [0:0]
:KUBE-PROXY-FIREWALL - [0:0]
:KUBE-EXTERNAL-SERVICES - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-PROXY-CANARY - [0:0]
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-I INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-I FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-I FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-I FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
-I OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
COMMIT
)";

constexpr auto masquerade = R"(-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
-I PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-I OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-I POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
)";

}  // namespace

void make_kube_proxy_filter(Family family)
{
    restore(family, filter);
}

void make_kube_proxy(Family family)
{
    const auto at = addresses_of(family);
    make_kube_proxy_filter(family);
    restore(
        family,
        std::string{"*nat\n"} +
            ":KUBE-SERVICES - [0:0]\n:KUBE-NODEPORTS - [0:0]\n:KUBE-POSTROUTING - [0:0]\n"
            ":KUBE-MARK-MASQ - [0:0]\n:KUBE-PROXY-CANARY - [0:0]\n:KUBE-SVC-NPX46M4PTMTKRN6Y - [0:0]\n"
            ":KUBE-EXT-NPX46M4PTMTKRN6Y - [0:0]\n:KUBE-SEP-AAAAAAAAAAAAAAAA - [0:0]\n"
            ":KUBE-SEP-BBBBBBBBBBBBBBBB - [0:0]\n" +
            masquerade +
            fmt::format(
                R"(-A KUBE-NODEPORTS -p tcp -m comment --comment "default/kubernetes:https" -m tcp --dport 30443 -j KUBE-EXT-NPX46M4PTMTKRN6Y
-A KUBE-SERVICES -d {0} -p tcp -m comment --comment "default/kubernetes:https cluster IP" -m tcp --dport 443 -j KUBE-SVC-NPX46M4PTMTKRN6Y
-A KUBE-EXT-NPX46M4PTMTKRN6Y -m comment --comment "masquerade traffic for default/kubernetes:https external destinations" -j KUBE-MARK-MASQ
-A KUBE-EXT-NPX46M4PTMTKRN6Y -j KUBE-SVC-NPX46M4PTMTKRN6Y
-A KUBE-SVC-NPX46M4PTMTKRN6Y ! -s {1} -d {0} -p tcp -m comment --comment "default/kubernetes:https cluster IP" -m tcp --dport 443 -j KUBE-MARK-MASQ
-A KUBE-SVC-NPX46M4PTMTKRN6Y -m comment --comment "default/kubernetes:https -> first" -m statistic --mode random --probability 0.5 -j KUBE-SEP-AAAAAAAAAAAAAAAA
-A KUBE-SVC-NPX46M4PTMTKRN6Y -m comment --comment "default/kubernetes:https -> second" -j KUBE-SEP-BBBBBBBBBBBBBBBB
-A KUBE-SEP-AAAAAAAAAAAAAAAA -s {2} -m comment --comment default/kubernetes:https -j KUBE-MARK-MASQ
-A KUBE-SEP-AAAAAAAAAAAAAAAA -p tcp -m comment --comment default/kubernetes:https -m tcp -j DNAT --to-destination {3}
-A KUBE-SEP-BBBBBBBBBBBBBBBB -s {4} -m comment --comment default/kubernetes:https -j KUBE-MARK-MASQ
-A KUBE-SEP-BBBBBBBBBBBBBBBB -p tcp -m comment --comment default/kubernetes:https -m tcp -j DNAT --to-destination {5}
-A KUBE-SERVICES ! -d {6} -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
COMMIT
)",
                at.service, at.pods, at.first, at.port_of_first, at.second, at.port_of_second, at.loopback));
    restore(family, "*mangle\n:KUBE-PROXY-CANARY - [0:0]\nCOMMIT\n");
}

// In place of its matches on ipsets: those need sets, which the chains do not.
void make_kube_proxy_ipvs(Family family)
{
    make_kube_proxy_filter(family);
    restore(family,
            std::string{"*nat\n"} +
                ":KUBE-SERVICES - [0:0]\n:KUBE-POSTROUTING - [0:0]\n:KUBE-NODE-PORT - [0:0]\n"
                ":KUBE-LOAD-BALANCER - [0:0]\n:KUBE-MARK-MASQ - [0:0]\n" +
                masquerade +
                "-A KUBE-LOAD-BALANCER -j KUBE-MARK-MASQ\n"
                "-A KUBE-NODE-PORT -p tcp -m comment --comment \"Kubernetes nodeport TCP port\" -j KUBE-MARK-MASQ\n"
                "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT\n"
                "COMMIT\n");
    restore(family, "*filter\n:KUBE-SOURCE-RANGES-FIREWALL - [0:0]\n"
                    "-A KUBE-PROXY-FIREWALL -p tcp -j KUBE-SOURCE-RANGES-FIREWALL\n"
                    "-A KUBE-SOURCE-RANGES-FIREWALL -p tcp -m tcp --dport 443 -j RETURN\n"
                    "-A KUBE-SOURCE-RANGES-FIREWALL -j DROP\nCOMMIT\n");
}

void make_kube_proxy_nftables(Family family)
{
    const bool is_ipv4 = family == Family::ipv4;
    const auto at = addresses_of(family);
    const auto bare = [](const std::string& prefix) { return prefix.substr(0, prefix.find('/')); };
    nft_script(fmt::format(
        R"(table {0} kube-proxy {{
  map service-ips {{
    type {1} . inet_proto . inet_service : verdict
    elements = {{ {2} . tcp . 443 : goto service-ULMVA6XW-default/kubernetes/tcp/https }}
  }}
  map no-endpoint-services {{
    type {1} . inet_proto . inet_service : verdict
  }}
  chain filter-prerouting {{ type filter hook prerouting priority -110; }}
  chain filter-input {{ type filter hook input priority -110; ct state new jump endpoints-check; }}
  chain filter-forward {{ type filter hook forward priority -110; ct state new jump endpoints-check; }}
  chain filter-output {{ type filter hook output priority -110; ct state new jump endpoints-check; }}
  chain nat-prerouting {{ type nat hook prerouting priority -100; jump services; }}
  chain nat-output {{ type nat hook output priority -100; jump services; }}
  chain nat-postrouting {{ type nat hook postrouting priority 100; jump masquerading; }}
  chain endpoints-check {{ {0} daddr . meta l4proto . th dport vmap @no-endpoint-services; }}
  chain services {{ {0} daddr . meta l4proto . th dport vmap @service-ips; }}
  chain mark-for-masquerade {{ meta mark set meta mark | 0x00004000; }}
  chain masquerading {{
    meta mark & 0x00004000 == 0 return;
    meta mark set meta mark ^ 0x00004000;
    masquerade fully-random;
  }}
  chain service-ULMVA6XW-default/kubernetes/tcp/https {{
    {0} daddr {2} tcp dport 443 {0} saddr != {3} jump mark-for-masquerade;
    numgen random mod 1 vmap {{ 0 : goto endpoint-GTK6MW7G-default/kubernetes/tcp/https }};
  }}
  chain endpoint-GTK6MW7G-default/kubernetes/tcp/https {{
    {0} saddr {4} jump mark-for-masquerade;
    meta l4proto tcp dnat to {5};
  }}
}}
)",
        is_ipv4 ? "ip" : "ip6", is_ipv4 ? "ipv4_addr" : "ipv6_addr", bare(at.service), at.pods, bare(at.first),
        at.port_of_first));
}

void make_services(Family family, std::size_t count)
{
    std::string chains;
    std::string rules;
    for (std::size_t number = 0; number < count; ++number) {
        const auto address = family == Family::ipv4
                                 ? fmt::format("10.{}.{}.{}/32", 100 + number / 65536, number / 256 % 256, number % 256)
                                 : fmt::format("fd00:97::{:x}:{:x}/128", number / 65536, number % 65536);
        chains += fmt::format(":KUBE-SVC-{0:016} - [0:0]\n:KUBE-SEP-{0:016} - [0:0]\n", number);
        rules += fmt::format("-A KUBE-SERVICES -d {0} -p tcp -m tcp --dport 80 -j KUBE-SVC-{1:016}\n"
                             "-A KUBE-SVC-{1:016} -j KUBE-SEP-{1:016}\n"
                             "-A KUBE-SEP-{1:016} -p tcp -m tcp -j MARK --set-xmark 0x1/0x1\n",
                             address, number);
    }
    restore(family, "*nat\n" + chains + rules + "COMMIT\n");
}

}  // namespace chainkeeper::tests
