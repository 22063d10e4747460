// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/checks.hpp"

#include "daemon/doctor/backend_check.hpp"
#include "daemon/doctor/cni_check.hpp"
#include "daemon/doctor/conntrack_check.hpp"
#include "daemon/doctor/disruptors_check.hpp"
#include "daemon/doctor/forwarding_check.hpp"
#include "daemon/doctor/kube_proxy_chains_check.hpp"
#include "daemon/doctor/kube_proxy_sync_check.hpp"
#include "daemon/doctor/kubelet_chains_check.hpp"
#include "daemon/doctor/kubelet_init_check.hpp"
#include "daemon/doctor/modules_check.hpp"
#include "daemon/doctor/rule_corruption_check.hpp"
#include "daemon/doctor/rule_count_check.hpp"
#include "daemon/doctor/saved_rules_check.hpp"
#include "daemon/doctor/tools_check.hpp"
#include "daemon/doctor/xtables_lock_check.hpp"

#include <algorithm>
#include <array>

namespace chainkeeper::daemon::doctor {

std::span<const Check* const> all_checks()
{
    static const KubeletChainsCheck kubelet_chains;
    static const KubeletInitCheck kubelet_init;
    static const BackendCheck backend;
    static const ModulesCheck modules;
    static const ToolsCheck tools;
    static const XtablesLockCheck xtables_lock;
    static const KubeProxyChainsCheck kube_proxy_chains;
    static const RuleCorruptionCheck rule_corruption;
    static const RuleCountCheck rule_count;
    static const ConntrackCheck conntrack;
    static const KubeProxySyncCheck kube_proxy_sync;
    static const CniCheck cni;
    static const SavedRulesCheck saved_rules;
    static const DisruptorsCheck disruptors;
    static const ForwardingCheck forwarding;
    static const std::array<const Check*, 15> checks{
        &kubelet_chains,    &kubelet_init,    &backend,    &modules,   &tools,           &xtables_lock,
        &kube_proxy_chains, &rule_corruption, &rule_count, &conntrack, &kube_proxy_sync, &cni,
        &saved_rules,       &disruptors,      &forwarding};
    return checks;
}

std::vector<std::string> preflight_names()
{
    std::vector<std::string> names;
    for (const auto* const check : all_checks())
        if (check->is_preflight())
            names.emplace_back(check->name());
    return names;
}

std::vector<const Check*> checks_named(const std::vector<std::string>& names)
{
    std::vector<const Check*> checks;
    for (const auto* const check : all_checks())
        if (names.empty() || std::ranges::find(names, check->name()) != names.end())
            checks.push_back(check);
    return checks;
}

}  // namespace chainkeeper::daemon::doctor
