// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/backend_check.hpp"

#include "daemon/backend_evidence.hpp"
#include "daemon/doctor/processes.hpp"
#include "repair/process/child_process.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace chainkeeper::daemon::doctor {

namespace {

using repair::Family;
using repair::IptablesVariant;
using repair::Survey;

using Variants = std::set<IptablesVariant>;

// Where what matters was found, of one family.
struct Seen {
    Variants hint;        // kubelet's word of which backend it uses
    Variants kube_proxy;  // KUBE-SERVICES
    Variants rules;       // any, in a table that iptables has
};

// Those that run the `iptables` of a container of their own. Calico's Felix and azure-npm run iptables-nft and
// iptables-legacy by these names, whatever `iptables` is.
constexpr std::array network_programs{
    std::string_view{"kube-proxy"},   std::string_view{"kube-router"},  std::string_view{"flanneld"},
    std::string_view{"cilium-agent"}, std::string_view{"antrea-agent"}, std::string_view{"aws-vpc-cni"},
    std::string_view{"weaver"},
};
constexpr std::array iptables_paths{"/usr/sbin/iptables", "/sbin/iptables", "/usr/local/sbin/iptables"};

bool has_rules(const Survey& survey)
{
    return std::ranges::any_of(iptables_tables, [&](auto name) {
        const auto table = survey.tables.find(name);
        return table != survey.tables.end() && table->second.rules > 0;
    });
}

void add_seen(Seen& found, IptablesVariant variant, const Survey& survey)
{
    if (survey.find("mangle", "KUBE-IPTABLES-HINT") != nullptr)
        found.hint.insert(variant);
    if (survey.find("nat", "KUBE-SERVICES") != nullptr)
        found.kube_proxy.insert(variant);
    if (has_rules(survey))
        found.rules.insert(variant);
}

std::string_view place_of_only(const Variants& variants)
{
    return place_of(*variants.begin());
}

void judge_family(Judgement& judgement, Family family, const Seen& found)
{
    const auto name = to_string(family);
    if (found.hint.size() > 1)
        judgement.add(
            Verdict::critical,
            fmt::format("{}: KUBE-IPTABLES-HINT is in nf_tables and in iptables-legacy's tables: whoever asks "
                        "which one kubelet uses may be told the wrong one",
                        name),
            "Delete the one that `chainkeeper status` does not name (`iptables-legacy -t mangle -X "
            "KUBE-IPTABLES-HINT`), then restart the network plugin");
    else if (found.hint.size() == 1 && found.kube_proxy.size() == 1 && found.hint != found.kube_proxy)
        judgement.add(Verdict::critical,
                      fmt::format("{}: KUBE-IPTABLES-HINT is in {}, and kube-proxy's chains are in {}", name,
                                  place_of_only(found.hint), place_of_only(found.kube_proxy)),
                      "Give the node and kube-proxy's image the same iptables, then reboot");
    else if (found.kube_proxy.size() > 1)
        judgement.add(
            Verdict::critical, fmt::format("{}: kube-proxy's chains are in both backends, and both count", name),
            "`kube-proxy --cleanup` with the iptables that is no longer used, or a reboot, takes the old away");
    else if (found.rules.size() > 1)
        judgement.add(
            Verdict::warning,
            fmt::format("{}: there are rules in nf_tables and in iptables-legacy's tables, and both count", name),
            "`iptables-legacy-save` and `iptables-nft-save` show whose; have all use one of them");
}

// The version in "iptables v1.8.9 (nf_tables)".
std::string version_in(std::string_view text)
{
    const auto at = text.find(" v");
    const auto number = at == std::string_view::npos ? std::string_view{} : text.substr(at + 2);
    return std::string{number.substr(0, number.find_first_not_of("0123456789."))};
}

void judge_version(Judgement& judgement, std::string_view version)
{
    static constexpr std::array broken{std::string_view{"1.8.0"}, std::string_view{"1.8.1"}, std::string_view{"1.8.2"}};
    if (std::ranges::find(broken, version) != broken.end())
        judgement.add(
            Verdict::critical,
            fmt::format("iptables {}: its -C does not find rules that are there, and kubelet and kube-proxy add "
                        "them again and again",
                        version),
            "Install a newer iptables than 1.8.2");
}

// What shows which backend the node uses: kubelet's hint, or kube-proxy's chains where that is gone.
struct Used {
    Variants variants;
    std::string_view what;
};

Used used_of(const std::map<Family, Seen>& seen)
{
    Variants hint;
    Variants kube_proxy;
    for (const auto& [family, of_family] : seen) {
        hint.insert(of_family.hint.begin(), of_family.hint.end());
        kube_proxy.insert(of_family.kube_proxy.begin(), of_family.kube_proxy.end());
    }
    return hint.empty() ? Used{.variants = std::move(kube_proxy), .what = "kube-proxy's chains are"}
                        : Used{.variants = std::move(hint), .what = "kubelet's hint is"};
}

// One family in each: each by itself is as it should be.
void judge_families(Judgement& judgement, const Used& used)
{
    if (used.variants.size() > 1 && judgement.verdict == Verdict::ok)
        judgement.add(
            Verdict::critical,
            fmt::format("{} in nf_tables for one family, and in iptables-legacy's tables for the other", used.what),
            "Have iptables and ip6tables be of the same kind (`update-alternatives --config ip6tables`), then "
            "reboot");
}

// "kubelet" or whoever else's iptables writes to the one place, while what is there is in the other.
void judge_variant(Judgement& judgement, std::string_view whose, IptablesVariant variant, const Used& used)
{
    if (used.variants.size() == 1 && !used.variants.contains(variant))
        judgement.add(
            Verdict::critical,
            fmt::format("{} writes to {}, and {} in {}", whose, place_of(variant), used.what,
                        place_of_only(used.variants)),
            "Give the node and its containers iptables of the same kind (`update-alternatives --config iptables`)");
}

// Nothing for a wrapper that chooses by itself, and where there is none.
std::optional<IptablesVariant> variant_called(std::string_view name)
{
    if (name.find("legacy") != std::string_view::npos)
        return IptablesVariant::legacy;
    return name.find("nft") != std::string_view::npos ? std::optional{IptablesVariant::nft} : std::nullopt;
}

Found<std::optional<IptablesVariant>> variant_in_container(const Root& root)
{
    for (const auto* const path : iptables_paths) {
        const auto name = root.real_name(path);
        if (!name)
            return tl::unexpected(name.error());
        if (*name)
            return variant_called(**name);
    }
    return std::nullopt;
}

// Those who find the backend by themselves have an iptables of their own. What has ended meanwhile is left out.
void judge_containers(Judgement& judgement, const Root& root, const Used& used)
{
    const auto processes = processes_named(root, network_programs);
    if (!processes)
        return judgement.add_unknown(processes.error());
    for (const auto& [pid, name] : *processes) {
        const auto container = Root::open(fmt::format("/proc/{}/root", pid));
        const auto variant = container ? variant_in_container(*container) : tl::unexpected(container.error());
        if (!variant)
            judgement.add_unknown(variant.error());
        else if (*variant && **variant)
            judge_variant(judgement, fmt::format("iptables of {} (process {})", name, pid), ***variant, used);
    }
}

}  // namespace

Judgement BackendCheck::examine(const Node& node) const
{
    std::map<Family, Seen> seen;
    auto judgement = examine_rulesets(node, [&](Judgement&, const Place& place, const Survey& survey) {
        add_seen(seen[place.family], place.variant, survey);
    });
    if (node.is_image())
        return judgement;
    for (const auto& [family, of_family] : seen)
        judge_family(judgement, family, of_family);
    const auto used = used_of(seen);
    judge_families(judgement, used);
    const auto answer = repair::run_command({"iptables", "-V"}, std::chrono::seconds{1});
    const auto variant = answer ? repair::variant_in(answer->output) : std::nullopt;
    if (variant) {
        judge_version(judgement, version_in(answer->output));
        judge_variant(judgement, "iptables of this node", *variant, used);
    }
    judge_containers(judgement, node.root, used);
    if (judgement.evidence.empty())
        judgement.add(Verdict::ok, variant ? fmt::format("iptables {} writes to {}, and so does all else",
                                                         version_in(answer->output), place_of(*variant))
                                           : "there is no iptables here, and no rules in two backends");
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
