// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/kube_proxy_chains_check.hpp"

#include "daemon/backend_evidence.hpp"
#include "daemon/doctor/kube_proxy.hpp"
#include "daemon/doctor/proxy_mode.hpp"
#include "daemon/doctor/short_list.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace chainkeeper::daemon::doctor {

namespace {

using repair::Survey;
using repair::SurveyedChain;

constexpr std::string_view restart =
    "Restart kube-proxy, which writes all of its rules when it starts; `chainkeeper history` says who took them";

bool has(const Survey& survey, std::string_view table, std::string_view chain)
{
    return survey.find(table, chain) != nullptr;
}

std::string_view what_it_does(repair::SurveyedRule::End end)
{
    switch (end) {
    case repair::SurveyedRule::End::accept: return "accepts every packet";
    case repair::SurveyedRule::End::drop: return "drops every packet";
    case repair::SurveyedRule::End::return_: return "sends back every packet";
    case repair::SurveyedRule::End::jump: return "sends elsewhere every packet";
    case repair::SurveyedRule::End::other: return "rejects every packet";
    }
    return "";
}

// "iptables-nft -t filter -S DOCKER-USER"
std::string list_command(const Place& place, std::string_view table, std::string_view chain)
{
    if (is_table_of_iptables(table))
        return fmt::format("{} -S {}", command_for(place, table), chain);
    return fmt::format("nft list chain {} {} {}", place.family == repair::Family::ipv4 ? "ip" : "ip6", table, chain);
}

// Looks at one ruleset.
class Ruleset {
public:
    Ruleset(Judgement& judgement, const Place& place, const Survey& survey, const Mode& mode)
        : judgement_{judgement}, place_{place}, survey_{survey}, mode_{mode}
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
            judgement_.add(Verdict::ok, fmt::format("{}: whole, as in its {} mode ({} chains for Services)",
                                                    to_string(place_), mode_.name, services_));
    }

private:
    void add(Verdict verdict, std::string_view seen, std::string_view step = restart)
    {
        judgement_.add(verdict, fmt::format("{}: {}", to_string(place_), seen), step);
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
        if (!is_reached_)
            return;
        const auto obstacle = survey_.obstacle(way.table, way.from, way.chain);
        if (obstacle && obstacle->chain.empty())
            add(Verdict::critical, fmt::format("{} {}: no jump from {}", way.table, way.chain, way.from));
        else if (obstacle)
            judge_obstacle(way, *obstacle);
    }

    // What the filter table accepts gets to its Service: all that KUBE-FORWARD has besides is to drop what conntrack
    // calls invalid. A chain that accepts some may be one that knows of the pods.
    void judge_obstacle(const Way& way, const repair::Obstacle& obstacle)
    {
        const bool is_filter = way.table == "filter";
        const bool passes = is_filter && obstacle.end == repair::SurveyedRule::End::accept;
        const bool passes_some = is_filter && obstacle.accepts_some;
        add(passes || passes_some ? Verdict::warning : Verdict::critical,
            fmt::format("{} {}: before it {} {}{}", way.table, way.chain, obstacle.chain, what_it_does(obstacle.end),
                        passes        ? ", invalid ones too"
                        : passes_some ? " that it has not accepted"
                                      : ""),
            fmt::format("Take that rule out, or move it behind the jump to {} (`{}` lists them)", way.chain,
                        list_command(place_, way.table, obstacle.chain)));
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
            if (!mode_.is_service(name))
                continue;
            ++services_;
            // Its nftables mode empties such a chain, and deletes it within the hour.
            const bool waits_for_end = mode_.is_nftables() && chain.rules == 0;
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
    const Place& place_;
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

// kubelet's chains in mangle, by which the image of kube-proxy chooses its iptables
// (kubernetes-sigs/iptables-wrappers).
bool is_kubelets(const Survey& survey)
{
    return has(survey, "mangle", "KUBE-IPTABLES-HINT") || has(survey, "mangle", "KUBE-KUBELET-CANARY");
}

// The chains of its family beside which these are left over, of another mode or in another backend: those where
// kubelet's are, or, where that does not tell, those in use beside such as are not. nullptr where they are not.
const ProxyChains* successor_of(const ProxyChains& found, const std::vector<ProxyChains>& all)
{
    const auto succeeds = [&](const ProxyChains& other) {
        if (other.place.family != found.place.family || other.mode == nullptr || found.mode->is_nftables())
            return false;
        const bool is_here = is_kubelets(*found.survey);
        const bool is_there = is_kubelets(*other.survey);
        return other.mode->is_nftables() ||
               (is_here == is_there ? !is_in_use(*found.survey) && is_in_use(*other.survey) : is_there);
    };
    const auto successor = std::ranges::find_if(all, succeeds);
    return successor == all.end() ? nullptr : &*successor;
}

// Who has rules in both backends is for the check `backend` to say.
void note_left_over(Judgement& judgement, const ProxyChains& found, const ProxyChains& successor)
{
    if (is_in_use(*found.survey) && !successor.mode->is_nftables())
        judgement.add(Verdict::ok, fmt::format("{}: taken for left over, beside those {}, where kubelet's are",
                                               to_string(found.place), place_of(successor.place.variant)));
}

bool is_of_nftables_mode(const std::vector<ProxyChains>& all, repair::Family family)
{
    return std::ranges::any_of(all, [&](const ProxyChains& each) {
        return each.place.family == family && each.mode != nullptr && each.mode->is_nftables();
    });
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
    const bool may_be_of_old = std::ranges::any_of(
        all, [](const ProxyChains& each) { return each.mode != nullptr && each.mode->is_nftables(); });
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
        if (is_of_nftables_mode(all, found.place.family) && has_way_to_services(*found.survey))
            judge_left_behind(judgement, found.place);
        // What nobody uses may be left over beside chains in a place that could not be read.
        const bool is_sure = is_complete || is_in_use(*found.survey);
        if (found.mode == nullptr || !is_sure)
            continue;
        if (const auto* const successor = successor_of(found, all))
            note_left_over(judgement, found, *successor);
        else
            Ruleset{judgement, found.place, *found.survey, *found.mode}.judge();
    }
    if (is_complete) {
        for (const auto family : repair::all_families)
            judge_family(judgement, all, family);
        judge_mode(judgement, all);
    }
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
