// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/kube_proxy_chains_check.hpp"

#include "daemon/doctor/kube_proxy.hpp"
#include "daemon/doctor/service_chains.hpp"
#include "daemon/doctor/short_list.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <span>
#include <utility>

namespace chainkeeper::daemon::doctor {

namespace {

using repair::Survey;
using repair::SurveyedChain;

constexpr std::string_view restart =
    "Restart kube-proxy, which writes all of its rules when it starts; `chainkeeper history` says who took them";

// A chain without which nothing works, and the base chain that leads to it.
struct Way {
    std::string_view table;
    std::string_view chain;
    std::string_view from;
};

// kube-proxy in one of its modes: what it always makes, and how it calls the chains of single Services and endpoints.
struct Mode {
    std::string_view name;
    std::span<const Way> ways;
    std::span<const Way> others;                    // reached from elsewhere than a base chain
    std::span<const Way> led_to;                    // if they are there, something leads to them
    std::span<const std::string_view> never_empty;  // nor are these, if they are there; in the table of Services
    std::string_view masquerading;                  // the same; a rule of it masquerades
    std::string_view service_table;
    std::span<const std::string_view> service_prefixes;
};

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

bool has(const Survey& survey, std::string_view table, std::string_view chain)
{
    return survey.find(table, chain) != nullptr;
}

bool is_service(const Mode& mode, std::string_view chain)
{
    return std::ranges::any_of(mode.service_prefixes, [&](auto prefix) { return chain.starts_with(prefix); });
}

// What it has made in this mode is there, and in use.
bool is_led_to(const Survey& survey, std::string_view chain)
{
    const auto* const found = survey.find("nat", chain);
    return found != nullptr && found->references > 0;
}

// By what kubelet makes none of, in any version. Nothing where kube-proxy has no chain but its canaries, which it
// leaves behind when it goes. What is left of ipvs when the mode is another one, nothing leads to.
const Mode* mode_of(const Survey& survey)
{
    if (survey.tables.contains(std::string{kube_proxy_table}))
        return &nftables_mode;
    const bool was_ipvs = has(survey, "nat", "KUBE-NODE-PORT") || has(survey, "nat", "KUBE-LOAD-BALANCER");
    if (was_ipvs && !is_led_to(survey, "KUBE-NODEPORTS"))
        return &ipvs_mode;
    const auto nat = survey.tables.find("nat");
    const auto is_his = [](const auto& each) {
        return each.first == "KUBE-SERVICES" || each.first == "KUBE-NODEPORTS" || is_service(iptables_mode, each.first);
    };
    const bool is_there = (nat != survey.tables.end() && std::ranges::any_of(nat->second.chains, is_his)) ||
                          has(survey, "filter", "KUBE-FORWARD");
    return is_there ? &iptables_mode : nullptr;
}

// Looks at one ruleset.
class Ruleset {
public:
    Ruleset(Judgement& judgement, const Place& place, const Survey& survey, const Mode& mode)
        : judgement_{judgement}, place_{to_string(place)}, survey_{survey}, mode_{mode}
    {
    }

    void judge()
    {
        const auto before = judgement_.evidence.size();
        for (const auto& way : mode_.ways)
            judge_way(way);
        for (const auto& way : mode_.others)
            judge_chain(way);
        for (const auto& way : mode_.led_to)
            judge_led_to(way);
        judge_services();
        judge_masquerading();
        judge_repeated();
        if (judgement_.evidence.size() == before)
            judgement_.add(Verdict::ok, fmt::format("{}: whole, as in its {} mode ({} chains for Services)", place_,
                                                    mode_.name, services_));
    }

private:
    void add(Verdict verdict, std::string_view seen, std::string_view step = restart)
    {
        judgement_.add(verdict, fmt::format("{}: {}", place_, seen), step);
    }

    // False where it is not worth looking for ways to it.
    bool judge_chain(const Way& way)
    {
        const auto* const chain = survey_.find(way.table, way.chain);
        if (chain == nullptr)
            add(Verdict::critical, fmt::format("{} {} is missing", way.table, way.chain));
        else if (chain->rules == 0 && !way.from.empty())
            add(Verdict::critical, fmt::format("{} {} is empty", way.table, way.chain));
        else if (chain->references == 0 && chain->rules > 0)
            add(Verdict::critical, fmt::format("{} {}: nothing leads to it", way.table, way.chain));
        else
            return true;
        return false;
    }

    void judge_way(const Way& way)
    {
        const bool is_first = &way == mode_.ways.data() || std::prev(&way)->chain != way.chain;
        if (is_first)
            is_reached_ = judge_chain(way);
        if (is_reached_ && !survey_.leads_all(way.table, way.from, way.chain))
            add(Verdict::critical, fmt::format("{} {}: no jump from {}", way.table, way.chain, way.from));
    }

    void judge_led_to(const Way& way)
    {
        const auto* const chain = survey_.find(way.table, way.chain);
        if (chain != nullptr && chain->references == 0)
            add(chain->rules > 0 ? Verdict::critical : Verdict::warning,
                fmt::format("{} {}: nothing leads to it", way.table, way.chain));
    }

    void judge_masquerading()
    {
        const auto* const chain = survey_.find(mode_.service_table, mode_.masquerading);
        if (chain != nullptr && chain->rules > 0 && !chain->masquerades)
            add(Verdict::critical, fmt::format("{} {}: no rule masquerades", mode_.service_table, mode_.masquerading));
    }

    void judge_services()
    {
        const auto table = survey_.tables.find(mode_.service_table);
        if (table == survey_.tables.end())
            return;
        std::vector<std::string> empty;
        std::vector<std::string> stale;
        for (const auto& [name, chain] : table->second.chains) {
            const bool is_needed = std::ranges::find(mode_.never_empty, name) != mode_.never_empty.end();
            if (is_needed && chain.references > 0 && chain.rules == 0)
                empty.push_back(name);
            if (!is_service(mode_, name))
                continue;
            ++services_;
            // Its nftables mode empties such a chain, and deletes it within the hour.
            const bool waits_for_end = mode_.service_table == kube_proxy_table && chain.rules == 0;
            if (chain.references == 0 && !waits_for_end)
                stale.push_back(name);
            else if (chain.references > 0 && chain.rules == 0)
                empty.push_back(name);
        }
        if (!empty.empty())
            add(Verdict::critical, fmt::format("packets are sent to chains without a rule: {}", short_list(empty)));
        judge_stale(stale);
    }

    // kube-proxy leaves what is no longer wanted for a minute or so.
    void judge_stale(const std::vector<std::string>& stale)
    {
        constexpr std::size_t usual_part = 10;
        if (stale.size() * usual_part > services_)
            add(Verdict::warning,
                fmt::format("nothing leads to {} of {} chains for Services: {}", stale.size(), services_,
                            short_list(stale)),
                "Look again in two minutes; kube-proxy that does not take them away does not sync: its log says why");
    }

    void judge_repeated()
    {
        std::vector<std::string> repeated;
        for (const auto& [table_name, table] : survey_.tables)
            for (const auto& [name, chain] : table.chains)
                if (is_his_and_repeated(table_name, name, chain))
                    repeated.push_back(fmt::format("{} {} ({})", table_name, name, chain.repeated));
        if (!repeated.empty())
            add(Verdict::warning, fmt::format("rules stand there more than once: {}", short_list(repeated)),
                "Find who adds them again and again: one whose `iptables -C` does not know its own rule");
    }

    // Of a base chain that others use as well, the ways to kube-proxy's chains alone.
    static bool is_his_and_repeated(std::string_view table, std::string_view name, const SurveyedChain& chain)
    {
        if (name.starts_with("KUBE-") || table == kube_proxy_table)
            return chain.repeated > 0;
        return std::ranges::any_of(chain.repeated_jumps,
                                   [](const std::string& target) { return target.starts_with("KUBE-"); });
    }

    Judgement& judgement_;
    std::string place_;
    const Survey& survey_;
    const Mode& mode_;
    std::size_t services_ = 0;
    bool is_reached_ = false;
};

// Both modes would send packets to endpoints.
void judge_left_behind(Judgement& judgement, const Place& place)
{
    judgement.add(
        Verdict::warning,
        fmt::format("{}: nat KUBE-SERVICES is in use beside kube-proxy's nftables mode: it is of another mode",
                    to_string(place)),
        "Drain the node, run `kube-proxy --cleanup` on it, and start kube-proxy anew");
}

// Its chains in one place.
struct ProxyChains {
    Place place;
    const Survey* survey;
    const Mode* mode;
};

// Of each place that can be read. Those that cannot be are in `judgement`.
std::vector<ProxyChains> find_chains(Judgement& judgement, const Node& node)
{
    std::vector<ProxyChains> found;
    judgement = examine_rulesets(node, [&](Judgement&, const Place& place, const Survey& survey) {
        found.push_back({.place = place, .survey = &survey, .mode = mode_of(survey)});
    });
    return found;
}

bool is_in_use(const ProxyChains& found)
{
    return found.mode == &nftables_mode || is_led_to(*found.survey, "KUBE-SERVICES");
}

// Chains of another mode, or empty ones in the other backend that nothing leads to, beside those that are in use.
bool is_left_over(const ProxyChains& found, const std::vector<ProxyChains>& all)
{
    const auto* const services = found.survey->find("nat", "KUBE-SERVICES");
    const bool is_empty = !is_in_use(found) && (services == nullptr || services->rules == 0);
    return found.mode != &nftables_mode && std::ranges::any_of(all, [&](const ProxyChains& other) {
               const bool is_real =
                   other.mode == &nftables_mode || (is_empty && other.mode != nullptr && is_in_use(other));
               return other.place.family == found.place.family && is_real;
           });
}

bool is_of_nftables_mode(const std::vector<ProxyChains>& all, repair::Family family)
{
    return std::ranges::any_of(
        all, [&](const ProxyChains& each) { return each.place.family == family && each.mode == &nftables_mode; });
}

// None of its chains is there in a family, and it has some in the other: not all nodes have both. In one that it serves
// its canary in mangle stays when somebody flushes nat and filter. Its nftables mode makes none; one there is of old.
void judge_family(Judgement& judgement, const std::vector<ProxyChains>& all, repair::Family family)
{
    const auto is_there = [&](const ProxyChains& each) { return each.place.family == family && each.mode != nullptr; };
    if (std::ranges::any_of(all, is_there))
        return;
    const bool was_served = std::ranges::any_of(all, [&](const ProxyChains& each) {
        return each.place.family == family && has(*each.survey, "mangle", "KUBE-PROXY-CANARY");
    });
    const bool may_be_of_old =
        std::ranges::any_of(all, [](const ProxyChains& each) { return each.mode == &nftables_mode; });
    if (was_served && !may_be_of_old)
        judgement.add(Verdict::critical,
                      fmt::format("{}: kube-proxy has its canary, and not one chain", to_string(family)), restart);
    else
        judgement.add(Verdict::ok, fmt::format("{}: kube-proxy has no chain", to_string(family)));
}

// What it says of itself, where it can be asked.
void judge_mode(Judgement& judgement, const std::vector<ProxyChains>& all)
{
    const auto mode = kube_proxy_mode();
    if (!mode ||
        std::ranges::any_of(all, [&](const ProxyChains& each) { return each.mode && each.mode->name == *mode; }))
        return;
    judgement.add(
        Verdict::critical,
        fmt::format("kube-proxy is in its {} mode, and has no chain of that: what is there is of another", *mode),
        restart);
}

// There is none of its chains.
void judge_absent(Judgement& judgement, const Root& root)
{
    const auto running = running_kube_proxy(root);
    if (!running)
        judgement.add_unknown(running.error());
    else if (!*running)
        judgement = {.verdict = Verdict::not_applicable, .evidence = {"kube-proxy does not run here"}, .next_step = {}};
    else
        judgement.add(Verdict::critical, fmt::format("kube-proxy runs ({}), and has not one chain", **running),
                      restart);
}

}  // namespace

Judgement KubeProxyChainsCheck::examine(const Node& node) const
{
    Judgement judgement;
    const auto all = find_chains(judgement, node);
    const bool is_complete = judgement.verdict == Verdict::ok;
    const bool is_anywhere = std::ranges::any_of(all, [](const ProxyChains& each) { return each.mode != nullptr; });
    if (!is_anywhere) {
        if (is_complete)
            judge_absent(judgement, node.root);
        return judgement;
    }
    for (const auto& found : all) {
        if (is_of_nftables_mode(all, found.place.family) && is_led_to(*found.survey, "KUBE-SERVICES"))
            judge_left_behind(judgement, found.place);
        if (found.mode != nullptr && !is_left_over(found, all))
            Ruleset{judgement, found.place, *found.survey, *found.mode}.judge();
    }
    for (const auto family : repair::all_families)
        if (is_complete)
            judge_family(judgement, all, family);
    judge_mode(judgement, all);
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
