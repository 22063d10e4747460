// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/modules_check.hpp"

#include "daemon/doctor/kernel_modules.hpp"
#include "daemon/doctor/modules_load.hpp"
#include "daemon/doctor/short_list.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

namespace chainkeeper::daemon::doctor {

namespace {

// What the rules of kubelet and kube-proxy hold, in either backend.
constexpr std::array needed{"nf_conntrack", "nf_nat", "xt_conntrack", "xt_comment", "xt_mark", "xt_MASQUERADE"};
// Bridge plugins need the first, ipvs and network policies the second.
constexpr std::array wanted{"br_netfilter", "ip_set"};
// kube-proxy's ipvs mode: ip_vs, and its schedulers.
constexpr std::array for_ipvs{"ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_sh"};
// No rule and no socket has the kernel load these.
constexpr std::array loaded_by_somebody{"br_netfilter", "ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_sh"};
// iptables-nft needs all of the first, iptables-legacy all of the second and, for IPv6, of the third.
constexpr std::array for_nft{"nf_tables", "nft_compat", "nft_chain_nat"};
constexpr std::array for_legacy{"ip_tables", "iptable_filter", "iptable_nat", "iptable_mangle"};
constexpr std::array for_legacy_ipv6{"ip6_tables", "ip6table_filter", "ip6table_nat", "ip6table_mangle"};

constexpr std::size_t most_kernels = 8;

constexpr std::string_view install_step =
    "Install the rest of this kernel's modules (linux-modules-extra, kernel-modules-extra), and run depmod";
constexpr std::string_view enable_step =
    "Take \"install … /bin/false\" out of that file; one of the same name in /etc/modprobe.d hides it";

// What there is of some modules.
struct Seen {
    std::size_t loaded = 0;
    std::size_t built_in = 0;
    std::size_t loadable = 0;
    std::vector<std::string> lacking;  // "xt_comment", "ip_set (disabled in /etc/modprobe.d/cis.conf)"
    std::vector<std::string> unknown;
    std::string trouble;
    bool has_disabled = false;

    [[nodiscard]] bool any_there() const { return loaded + built_in + loadable > 0; }
    [[nodiscard]] bool all_there() const { return lacking.empty() && unknown.empty() && trouble.empty(); }
};

void count(Seen& seen, const KernelModules& modules, const std::string& name, const std::optional<ModuleState>& state)
{
    if (!state) {
        seen.unknown.emplace_back(name);
        return;
    }
    switch (*state) {
    case ModuleState::loaded: ++seen.loaded; break;
    case ModuleState::built_in: ++seen.built_in; break;
    case ModuleState::loadable: ++seen.loadable; break;
    case ModuleState::disabled:
        seen.lacking.push_back(fmt::format("{} (disabled in {})", name, modules.disabled_by(name)));
        seen.has_disabled = true;
        break;
    case ModuleState::missing: seen.lacking.emplace_back(name); break;
    }
}

void look_for(Seen& seen, const KernelModules& modules, const std::string& name)
{
    if (const auto state = modules.state_of(name))
        count(seen, modules, name, *state);
    else
        seen.trouble = state.error();
}

template <typename Names>
Seen look_for_all(const KernelModules& modules, const Names& names)
{
    Seen seen;
    for (const auto& name : names)
        look_for(seen, modules, name);
    return seen;
}

std::string there_text(const Seen& seen)
{
    return fmt::format("all there ({} loaded, {} built in, {} loadable)", seen.loaded, seen.built_in, seen.loadable);
}

// One kernel, of which what is not known is said once.
class KernelJudge {
public:
    KernelJudge(Judgement& judgement, const KernelModules& modules, std::string release, bool runs)
        : judgement_{judgement}, modules_{modules}, release_{std::move(release)}, runs_{runs}
    {
    }
    void judge(const std::vector<std::string>& required)
    {
        judge_group("kubelet's rules", Verdict::critical, look_for_all(modules_, needed));
        if (!required.empty())
            judge_group("what the policy requires", Verdict::critical, look_for_all(modules_, required));
        judge_backends();
        judge_group("bridges and sets", Verdict::warning, look_for_all(modules_, wanted));
        judge_ipvs();
        if (!unknown_.empty())
            judgement_.add(
                Verdict::unknown,
                fmt::format("{}: no modules.dep lists its modules; not known of {}", release_, short_list(unknown_)),
                runs_ ? "`chainkeeper rehearse` tries whether this kernel has what kubelet's chains need"
                      : "Run depmod for this kernel in the image");
    }

private:
    void judge_group(std::string_view what, Verdict without, const Seen& seen)
    {
        const auto where = fmt::format("{}, {}", release_, what);
        if (seen.all_there())
            return judgement_.add(Verdict::ok, fmt::format("{}: {}", where, there_text(seen)));
        if (!seen.lacking.empty())
            judgement_.add(without, fmt::format("{}: missing: {}", where, short_list(seen.lacking)),
                           seen.has_disabled ? enable_step : install_step);
        if (!seen.trouble.empty())
            judgement_.add_unknown(seen.trouble);
        unknown_.insert(unknown_.end(), seen.unknown.begin(), seen.unknown.end());
    }

    // One of them is enough. Half of the other is one that its iptables takes for there.
    void judge_backends()
    {
        const auto nft = look_for_all(modules_, for_nft);
        const auto legacy = look_for_all(modules_, for_legacy);
        const bool has_one = nft.all_there() || legacy.all_there();
        const auto judge_backend = [&](std::string_view backend, const Seen& seen) {
            if (has_one && !seen.any_there())
                judgement_.add(Verdict::ok, fmt::format("{}, {}: {}", release_, backend,
                                                        seen.unknown.empty() ? "not in this kernel" : "not loaded"));
            else
                judge_group(backend, has_one ? Verdict::warning : Verdict::critical, seen);
        };
        judge_backend("iptables-nft", nft);
        judge_backend("iptables-legacy", legacy);
        if (legacy.all_there() && !nft.all_there())
            judge_group("iptables-legacy for IPv6", Verdict::warning, look_for_all(modules_, for_legacy_ipv6));
    }

    // Nobody needs it who does not use it.
    void judge_ipvs()
    {
        const auto seen = look_for_all(modules_, for_ipvs);
        if (seen.loaded > 0 || seen.all_there())
            judge_group("kube-proxy's ipvs mode", Verdict::warning, seen);
        else if (seen.unknown.empty() && seen.trouble.empty())
            judgement_.add(Verdict::ok, fmt::format("{}: not fit for kube-proxy's ipvs mode, which lacks {}", release_,
                                                    short_list(seen.lacking)));
    }

    Judgement& judgement_;
    const KernelModules& modules_;
    std::string release_;
    bool runs_;
    std::vector<std::string> unknown_;
};

// Not bad by itself: container runtimes and network plugins load what they need.
void judge_boot(Judgement& judgement, const Root& root, const KernelModules& modules)
{
    const auto of_boot = modules_of_boot(root);
    if (!of_boot)
        return judgement.add_unknown(of_boot.error());
    std::vector<std::string> forgotten;
    for (const auto* const name : loaded_by_somebody)
        if (modules.state_of(name) == ModuleState::loaded && !modules.is_built_in(name) && !of_boot->contains(name))
            forgotten.emplace_back(name);
    if (!forgotten.empty())
        judgement.add(Verdict::ok, fmt::format("loaded, and in no modules-load.d: {}; after a restart somebody has to "
                                               "load them again",
                                               short_list(forgotten)));
}

void judge_kernel(Judgement& judgement, const Node& node, const std::string& release)
{
    const bool runs = !node.is_image();
    const auto modules = KernelModules::read(node.root, release, runs);
    if (!modules)
        return judgement.add_unknown(modules.error());
    KernelJudge{judgement, *modules, release, runs}.judge(node.thresholds.required_modules);
    if (runs)
        judge_boot(judgement, node.root, *modules);
}

}  // namespace

Judgement ModulesCheck::examine(const Node& node) const
{
    Judgement judgement;
    if (!node.is_image()) {
        judge_kernel(judgement, node, node.running_kernel);
        return judgement;
    }
    const auto found = node.root.names("/lib/modules");
    if (!found) {
        judgement.add_unknown(found.error());
        return judgement;
    }
    const auto releases = found->value_or(std::vector<std::string>{});
    if (releases.empty())
        judgement.add(Verdict::unknown, "/lib/modules: no kernel is installed here",
                      "Look at a root that has its kernel");
    for (std::size_t index = 0; index < std::min(releases.size(), most_kernels); ++index)
        judge_kernel(judgement, node, releases[index]);
    if (releases.size() > most_kernels)
        judgement.add_unknown(
            fmt::format("/lib/modules: only {} kernels of {} were looked at", most_kernels, releases.size()));
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
