// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/baseline/comparison.hpp"

#include "daemon/doctor/owned_chains.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <tuple>
#include <utility>

namespace chainkeeper::daemon::baseline {

namespace {

using repair::IptablesVariant;
using Kind = Difference::Kind;

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names)
{
    return std::ranges::find(names, name) != names.end();
}

// Every cluster has a Service and an endpoint: its API.
bool is_on_every_node(std::string_view chain)
{
    return is_one_of(chain, {"KUBE-SVC-*", "KUBE-SEP-*", "service-*", "endpoint-*"});
}

// Has a rule for each Service of some kind, and so none where there is no such Service.
bool lists_services(std::string_view chain)
{
    return is_one_of(chain, {"KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-NODEPORTS", "KUBE-PROXY-FIREWALL",
                             "KUBE-LOAD-BALANCER", "KUBE-NODE-PORT", "KUBE-SOURCE-RANGES-FIREWALL"});
}

bool stands_for_many(std::string_view name)
{
    return name.ends_with('*');
}

// The CNI plugins portmap and bridge, and CRI-O, make their chains for the first pod of the node that needs them.
bool comes_with_pods(std::string_view chain)
{
    return stands_for_many(chain) || chain.starts_with("CNI-") || chain == "KUBE-HOSTPORTS";
}

std::string_view target_of(std::string_view rule)
{
    constexpr std::string_view verb = "jump ";
    const auto at = rule.rfind(verb);
    return at == std::string_view::npos ? std::string_view{} : rule.substr(at + verb.size());
}

// The ways of a packet for a Service, of which there is one kind at least wherever there is a Service.
constexpr std::array service_ways{
    std::pair{std::string_view{"KUBE-SERVICES"}, std::string_view{"jump KUBE-SVC-*"}},
    std::pair{std::string_view{"KUBE-SVC-*"}, std::string_view{"jump KUBE-SEP-*"}},
    std::pair{std::string_view{"KUBE-SEP-*"}, std::string_view{"target:DNAT"}},
};

// The last kind of rule that leads on is gone.
bool is_way_cut(const std::string& chain, std::string_view rule, const NormalChain& left)
{
    return std::ranges::any_of(service_ways, [&](const auto& way) {
        const auto is_way = [&](std::string_view each) { return each.ends_with(way.second); };
        return chain == way.first && is_way(rule) && std::ranges::none_of(left.rules, is_way);
    });
}

// kubelet's or kube-proxy's, which say of each rule which packets it is for.
bool is_of_kubernetes(const ChainName& name)
{
    const auto* const owner = doctor::owner_of(name.table, name.chain);
    return owner != nullptr && owner->last_rule == doctor::LastRule::narrows;
}

// A rule that is there whatever Services there are: the way on to another list.
bool leads_on(std::string_view rule)
{
    const auto target = target_of(rule);
    return !target.empty() && !stands_for_many(target) && !is_one_of(target, {"KUBE-MARK-MASQ", "KUBE-MARK-DROP"});
}

// For every packet.
bool is_bare(std::string_view rule)
{
    return is_one_of(
        rule, {"drop", "return", "accept", "match:comment drop", "match:comment return", "match:comment accept"});
}

// Rules of kubelet's and kube-proxy's that nothing makes more of, but somebody who adds them again and again.
bool has_its_number(const Difference& difference)
{
    const auto& chain = difference.name.chain;
    return is_of_kubernetes(difference.name) && !comes_with_pods(chain) && !lists_services(chain);
}

// A few more or less say nothing.
bool is_another_number(std::size_t was, std::size_t is)
{
    constexpr std::size_t few = 10;
    return std::max(was, is) > few && (was / 2 > is || is / 2 > was);
}

bool may_be_normal(const Difference& difference)
{
    const auto& chain = difference.name.chain;
    switch (difference.kind) {
    case Kind::number_of_rules: return !has_its_number(difference);
    case Kind::number_of_chains: return true;
    case Kind::missing_chain:
    case Kind::added_chain: return comes_with_pods(chain) && !is_on_every_node(chain);
    case Kind::missing_rule:
    case Kind::added_rule:
        if (is_of_kubernetes(difference.name) && is_bare(difference.rule))
            return false;
        return comes_with_pods(chain) || comes_with_pods(target_of(difference.rule)) ||
               (lists_services(chain) && !leads_on(difference.rule));
    case Kind::other_backend:
    case Kind::changed_policy: return false;
    }
    return false;
}

// Whose they are: kubelet's, kube-proxy's, a network plugin's. The base chains lead to all of them.
int rank_of(const ChainName& name, const NormalChain* chain)
{
    if (is_one_of(name.chain, {"KUBE-FIREWALL", "KUBE-KUBELET-CANARY", "KUBE-IPTABLES-HINT"}))
        return 0;
    if (chain != nullptr && chain->policy)
        return 1;
    return name.chain.starts_with("KUBE-") || name.table == doctor::kube_proxy_table ? 2 : 3;
}

class Comparing {
public:
    Comparing(const Baseline& saved, const Baseline& now) : saved_{saved}, now_{now} {}

    std::vector<Difference> run() &&
    {
        for (const auto family : repair::all_families)
            if (!compare_backends(family))
                compare_chains(family);
        std::ranges::stable_sort(differences_, {}, [&](const Difference& each) {
            const auto saved = saved_.find(each.name);
            return std::tuple{each.may_be_normal, each.kind,
                              rank_of(each.name, saved == saved_.end() ? nullptr : &saved->second)};
        });
        return std::move(differences_);
    }

private:
    // Base chains are in both wherever somebody has looked with either iptables.
    static bool has_chains(const Baseline& baseline, const Place& place)
    {
        return std::ranges::any_of(
            baseline, [&](const auto& entry) { return entry.first.place == place && !entry.second.policy; });
    }

    // True where all are in the other backend now.
    bool compare_backends(repair::Family family)
    {
        for (const auto& [was, is] : {std::pair{IptablesVariant::nft, IptablesVariant::legacy},
                                      std::pair{IptablesVariant::legacy, IptablesVariant::nft}}) {
            const Place before{.variant = was, .family = family};
            const Place after{.variant = is, .family = family};
            if (has_chains(saved_, before) && !has_chains(saved_, after) && !has_chains(now_, before) &&
                has_chains(now_, after)) {
                add({.kind = Kind::other_backend,
                     .name = {.place = after, .table = {}, .chain = {}},
                     .rule = {},
                     .was = std::string{to_string(was)},
                     .is = std::string{to_string(is)}});
                return true;
            }
        }
        return false;
    }

    void compare_chains(repair::Family family)
    {
        for (const auto& [name, chain] : saved_) {
            if (name.place.family != family)
                continue;
            const auto found = now_.find(name);
            compare_chain(name, &chain, found == now_.end() ? absent(chain) : &found->second);
        }
        for (const auto& [name, chain] : now_)
            if (name.place.family == family && !saved_.contains(name))
                compare_chain(name, absent(chain), &chain);
    }

    // What a baseline says nothing of: a base chain that is plain is in none.
    static const NormalChain* absent(const NormalChain& other)
    {
        static const NormalChain plain{.policy = repair::Verdict::accept};
        return other.policy ? &plain : nullptr;
    }

    void compare_chain(const ChainName& name, const NormalChain* was, const NormalChain* is)
    {
        if (was == nullptr || is == nullptr)
            return add({.kind = is == nullptr ? Kind::missing_chain : Kind::added_chain,
                        .name = name,
                        .rule = {},
                        .was = {},
                        .is = {}});
        if (was->policy != is->policy)
            add({.kind = Kind::changed_policy,
                 .name = name,
                 .rule = {},
                 .was = std::string{policy_text(*was)},
                 .is = std::string{policy_text(*is)}});
        add_rules(Kind::missing_rule, name, *was, *is);
        add_rules(Kind::added_rule, name, *is, *was);
        // A base chain that is in one of them alone had no number written down in the other.
        if (was->rule_count > 0 && is->rule_count > 0)
            add_number(Kind::number_of_rules, name, was->rule_count, is->rule_count);
        add_number(Kind::number_of_chains, name, was->chains, is->chains);
    }

    void add_number(Kind kind, const ChainName& name, std::size_t was, std::size_t is)
    {
        if (is_another_number(was, is))
            add({.kind = kind, .name = name, .rule = {}, .was = std::to_string(was), .is = std::to_string(is)});
    }

    // Those of one that are not in the other.
    void add_rules(Kind kind, const ChainName& name, const NormalChain& one, const NormalChain& other)
    {
        for (const auto& rule : one.rules)
            if (!other.rules.contains(rule))
                add({.kind = kind, .name = name, .rule = rule, .was = {}, .is = {}},
                    kind == Kind::missing_rule && is_way_cut(name.chain, rule, other));
    }

    void add(Difference difference, bool is_grave = false)
    {
        difference.may_be_normal = !is_grave && may_be_normal(difference);
        differences_.push_back(std::move(difference));
    }

    const Baseline& saved_;
    const Baseline& now_;
    std::vector<Difference> differences_;
};

}  // namespace

std::string_view to_string(Difference::Kind kind)
{
    switch (kind) {
    case Kind::other_backend: return "other_backend";
    case Kind::missing_chain: return "missing_chain";
    case Kind::changed_policy: return "changed_policy";
    case Kind::missing_rule: return "missing_rule";
    case Kind::added_rule: return "added_rule";
    case Kind::added_chain: return "added_chain";
    case Kind::number_of_rules: return "number_of_rules";
    case Kind::number_of_chains: return "number_of_chains";
    }
    return "";
}

std::vector<Difference> compare(const Baseline& saved, const Baseline& now)
{
    return Comparing{saved, now}.run();
}

}  // namespace chainkeeper::daemon::baseline
