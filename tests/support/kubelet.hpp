// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/desired.hpp"
#include "repair/family.hpp"
#include "repair/rule.hpp"
#include "tests/support/iptables.hpp"

#include <string>
#include <string_view>
#include <vector>

// What kubelet makes, written down a second time and independently of the profiles: as values, and as the commands that
// kubelet gives to iptables (pkg/kubelet/kubelet_network_linux.go).
namespace chainkeeper::tests {

// -j KUBE-FIREWALL, from INPUT and OUTPUT.
repair::Rule firewall_jump();
// The DROP of KUBE-FIREWALL for foreign traffic to 127.0.0.0/8.
repair::Rule localnet_rule();
// The DROP of KUBE-FIREWALL for packets with mark 0x8000.
repair::Rule marked_rule();
repair::Rule mark_drop_rule();
repair::Rule mark_masq_rule();
// The jump from POSTROUTING, and the three rules of KUBE-POSTROUTING.
repair::Rule postrouting_jump();
repair::Rule unmarked_return_rule();
repair::Rule clear_mark_rule();
repair::Rule masquerade_rule();

// The guarded set of kubelet 1.27 and later, and that of 1.24.
repair::DesiredState guarded_since_1_27(repair::Family family);
repair::DesiredState guarded_in_1_24(repair::Family family);

struct KubeletRule {
    repair::Table table;
    std::string chain;
    std::string how;  // "-A" or "-I"
    std::vector<std::string> arguments;
};
struct KubeletChain {
    repair::Table table;
    std::string name;
};
// In kubelet's order. `minor` is 24, 25 or 27: the versions at which something changed.
struct KubeletSet {
    std::vector<KubeletChain> chains;
    std::vector<KubeletRule> rules;
};
KubeletSet kubelet_set(unsigned minor, repair::Family family);

// The same as text for `iptables-restore --noflush`.
std::string kubelet_restore_text(unsigned minor, repair::Family family);

// Runs iptables for each of them, as kubelet does.
void make_as_kubelet(unsigned minor, repair::Family family, const Iptables& with = {});
// What kubelet would write once more: a chain that -N makes, a rule that -C does not know. It makes those chains.
std::vector<std::string> missed_by_kubelet(unsigned minor, repair::Family family, const Iptables& with = {});

}  // namespace chainkeeper::tests
