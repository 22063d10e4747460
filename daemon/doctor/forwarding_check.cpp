// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/forwarding_check.hpp"

#include "daemon/doctor/kernel_number.hpp"
#include "daemon/doctor/short_list.hpp"

#include <fmt/format.h>
#include <utility>

namespace chainkeeper::daemon::doctor {

namespace {

const std::string ipv4 = "/proc/sys/net/ipv4/";
const std::string forward_file = ipv4 + "ip_forward";
const std::string interfaces_folder = ipv4 + "conf";
const std::string bridge_file = "/proc/sys/net/bridge/bridge-nf-call-iptables";
const std::string devices_folder = "/sys/class/net";

void judge_forwarding(Judgement& judgement, std::uint64_t forwards)
{
    if (forwards == 0)
        judgement.add(Verdict::critical, "net.ipv4.ip_forward = 0: nothing is routed to or from pods",
                      "Set net.ipv4.ip_forward = 1 with sysctl, and in /etc/sysctl.d for the next start");
    else
        judgement.add(Verdict::ok, fmt::format("net.ipv4.ip_forward = {}", forwards));
}

// Network plugins that route, and do not bridge, have none. An interface may go meanwhile.
Found<std::string> any_bridge(const Root& root)
{
    const auto devices = root.names(devices_folder);
    if (!devices)
        return tl::unexpected(devices.error());
    for (const auto& device : devices->value_or(std::vector<std::string>{}))
        if (const auto bridge = root.names(fmt::format("{}/{}/bridge", devices_folder, device)); bridge && *bridge)
            return device;
    return std::nullopt;
}

void judge_no_bridge_filter(Judgement& judgement, const Root& root)
{
    const auto bridge = any_bridge(root);
    if (!bridge)
        judgement.add_unknown(bridge.error());
    else if (!*bridge)
        judgement.add(Verdict::ok, "br_netfilter is not loaded, and there is no bridge");
    else
        judgement.add(
            Verdict::warning,
            fmt::format("br_netfilter is not loaded: iptables does not see what passes the bridge {}", **bridge),
            "Where pods are on that bridge: modprobe br_netfilter, and name it in /etc/modules-load.d");
}

void judge_bridge(Judgement& judgement, const Root& root)
{
    const auto calls = kernel_number(root, bridge_file);
    if (!calls)
        judgement.add_unknown(calls.error());
    else if (!*calls)
        judge_no_bridge_filter(judgement, root);
    else if (**calls == 0)
        judgement.add(Verdict::warning,
                      "net.bridge.bridge-nf-call-iptables = 0: iptables does not see what passes a bridge between pods",
                      "Where pods are on a bridge: set net.bridge.bridge-nf-call-iptables = 1 with sysctl");
    else
        judgement.add(Verdict::ok, fmt::format("net.bridge.bridge-nf-call-iptables = {}", **calls));
}

// The interfaces, "all" and "default" among them, of which a setting has that value. An interface may go meanwhile.
Found<std::vector<std::string>> interfaces_with(const Root& root, std::string_view setting, std::uint64_t value)
{
    auto interfaces = root.names(interfaces_folder);
    if (!interfaces || !*interfaces)
        return interfaces;
    std::vector<std::string> having;
    for (auto& interface : **interfaces) {
        const auto number = kernel_number(root, fmt::format("{}/{}/{}", interfaces_folder, interface, setting));
        if (!number)
            return tl::unexpected(number.error());
        if (*number && **number == value)
            having.push_back(std::move(interface));
    }
    return having;
}

// "net.ipv4.conf.*.rp_filter = 1 (all, eth0)"; the setting may be unknown to whatever the root is.
std::string setting_text(std::string_view setting, std::uint64_t value, const std::vector<std::string>& interfaces)
{
    return fmt::format("net.ipv4.conf.*.{} = {} ({})", setting, value, short_list(interfaces));
}

// Strict may be meant. It drops what comes in by another interface than the answer would leave by.
void note_reverse_path(Judgement& judgement, const Root& root)
{
    const auto strict = interfaces_with(root, "rp_filter", 1);
    if (!strict)
        judgement.add_unknown(strict.error());
    else if (*strict && !(*strict)->empty())
        judgement.add(Verdict::ok, setting_text("rp_filter", 1, **strict) +
                                       ", strict: what comes in by another way than it would leave is dropped");
}

void judge_localnet(Judgement& judgement, const Node& node)
{
    const auto routed = interfaces_with(node.root, "route_localnet", 1);
    if (!routed)
        return judgement.add_unknown(routed.error());
    if (!*routed || (*routed)->empty())
        return judgement.add(Verdict::ok, "route_localnet is off");
    const auto seen = setting_text("route_localnet", 1, **routed);
    const auto guarded = node.localnet_guard.stands();
    if (!guarded)
        judgement.add(Verdict::unknown, fmt::format("{}; whether KUBE-FIREWALL guards it: {}", seen, guarded.error()),
                      "Run it as root on the node itself");
    else if (*guarded)
        judgement.add(Verdict::ok, seen + ", and KUBE-FIREWALL guards it");
    else
        judgement.add(Verdict::critical,
                      seen + ", and no KUBE-FIREWALL drops packets from outside to 127.0.0.0/8 (CVE-2020-8558)",
                      "`chainkeeper repair` puts KUBE-FIREWALL back where it is gone; else take out the rule before it "
                      "that lets every packet pass (`iptables -S INPUT`, `iptables -S KUBE-FIREWALL`)");
}

}  // namespace

Judgement ForwardingCheck::examine(const Node& node) const
{
    const auto forwards = kernel_number(node.root, forward_file);
    Judgement judgement;
    if (!forwards) {
        judgement.add_unknown(forwards.error());
        return judgement;
    }
    if (!*forwards)
        return {.verdict = Verdict::not_applicable, .evidence = {forward_file + " is not there: no kernel runs here"}};
    judge_forwarding(judgement, **forwards);
    judge_localnet(judgement, node);
    judge_bridge(judgement, node.root);
    note_reverse_path(judgement, node.root);
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
