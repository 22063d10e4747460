// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/kubelet_chains_check.hpp"

#include "daemon/doctor/short_list.hpp"
#include "policies/decide.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace chainkeeper::daemon::doctor {

namespace {

using Family = GuardedChains::Family;
using policies::Row;

// A row of the decision table in people's words. What a repair row comes to is told of all of them.
struct Meaning {
    Row row;
    Verdict verdict;
    std::string_view words;
    std::string_view step;  // empty: as for a repair
};

constexpr std::string_view start_kubelet = "Start kubelet, if it should run: `systemctl start kubelet`";

constexpr std::array meanings{
    Meaning{Row::held, Verdict::critical, "it is stopped by the policy's mode or by a hold",
            "`chainkeeper status` shows the mode and the hold, and `chainkeeper release` ends the hold: nothing is "
            "repaired until then"},
    Meaning{Row::backend_ambiguous, Verdict::unknown,
            "it is in doubt which iptables kubelet uses, so nothing is written",
            "Set [guard] backend to nft or legacy in /etc/chainkeeper/chainkeeper.toml: `chainkeeper plan` shows what "
            "contradicts what"},
    Meaning{Row::kubelet_inactive, Verdict::not_applicable, "kubelet does not run, and makes its chains when it starts",
            start_kubelet},
    Meaning{Row::kubelet_initialising, Verdict::critical,
            "kubelet has just started, and is given time to make its chains", "Look again in half a minute"},
    Meaning{Row::disruptor_running, Verdict::critical,
            "a unit that rewrites the firewall is at work, and is waited for",
            "Look again when its job has ended: `systemctl list-jobs`"},
    Meaning{Row::settling, Verdict::critical, "the ruleset is being written, and is waited for until it has settled",
            "Look again in some seconds"},
    Meaning{Row::standoff, Verdict::critical, "it has repaired too often, and writes nothing for a while",
            "End whatever takes the chains away again and again: `chainkeeper history` names it"},
    Meaning{Row::damaged, Verdict::critical, "a rule that was damaged is reported, and not rewritten",
            "Take the damaged rule out, or set [repair] on_damage = \"rewrite\" and run `chainkeeper repair`"},
    Meaning{Row::assist, Verdict::critical, "all but the canaries, by which kubelet hears of the flush", ""},
    Meaning{Row::partial_flush, Verdict::critical, "all of it: kubelet will never notice this loss by itself", ""},
    Meaning{Row::nudge, Verdict::critical, "delete kubelet's canary in mangle, so that kubelet makes all of it anew",
            ""},
    Meaning{Row::no_monitor, Verdict::critical, "all of it: this kubelet does not watch its chains", ""},
    Meaning{Row::monitor_silent, Verdict::critical, "all of it: kubelet has let its time pass", ""},
};

// "repair: assist" is of the row "assist".
const Meaning* meaning_of(std::string_view decision)
{
    const auto colon = decision.find(": ");
    const auto row = colon == std::string_view::npos ? decision : decision.substr(colon + 2);
    const auto* const found =
        std::ranges::find_if(meanings, [&](const auto& each) { return to_string(each.row) == row; });
    return found == meanings.end() ? nullptr : found;
}

bool waits_for_kubelet(const Family& family)
{
    const auto* const meaning = meaning_of(family.decision);
    return meaning != nullptr && meaning->row == Row::kubelet_inactive;
}

std::string_view step_of(const GuardedChains& chains)
{
    if (chains.held_back)
        return "Nothing is repaired while the policy's mode, a hold or a change window forbids it: "
               "`chainkeeper status` says which, `chainkeeper plan` shows what is not written";
    return chains.daemon_runs
               ? "chainkeeperd is to repair it: look again in some seconds, and read `chainkeeper history`, or have it "
                 "done now by `chainkeeper repair`"
               : "`systemctl start chainkeeperd` repairs it for good, `chainkeeper repair` once; `chainkeeper plan` "
                 "shows what either writes";
}

void judge_missing(Judgement& judgement, const GuardedChains& chains, const Family& family)
{
    const auto* const meaning = meaning_of(family.decision);
    const auto verdict = meaning == nullptr ? Verdict::critical : meaning->verdict;
    const auto step = meaning == nullptr || meaning->step.empty() ? step_of(chains) : meaning->step;
    judgement.add(verdict, fmt::format("{}: {}", family.name, short_list(family.findings)), step);
    judgement.add(verdict,
                  fmt::format("{}: chainkeeperd {} `{}`{}{}", family.name,
                              chains.daemon_runs ? "decides" : "would decide", family.decision,
                              meaning == nullptr ? "" : ": ", meaning == nullptr ? "" : meaning->words),
                  step);
}

void judge_family(Judgement& judgement, const GuardedChains& chains, const Family& family)
{
    if (!family.guarded)
        judgement.add(Verdict::not_applicable, fmt::format("{}: kubelet makes no chains here", family.name));
    else if (family.findings.empty())
        judgement.add(Verdict::ok, fmt::format("{}: all of kubelet's chains are there", family.name));
    else
        judge_missing(judgement, chains, family);
}

}  // namespace

Judgement judge_chains(const GuardedChains& chains)
{
    if (!chains.opted_out.empty())
        return {.verdict = Verdict::not_applicable,
                .evidence = {fmt::format("kubelet makes no chains: {}", chains.opted_out)}};
    Judgement judgement{.verdict = Verdict::not_applicable};
    for (const auto& family : chains.families)
        judge_family(judgement, chains, family);
    // A family that is whole does not make good what another one lacks.
    if (judgement.verdict == Verdict::ok && std::ranges::any_of(chains.families, waits_for_kubelet)) {
        judgement.verdict = Verdict::not_applicable;
        judgement.next_step = start_kubelet;
    }
    return judgement;
}

Judgement KubeletChainsCheck::examine(const Node& node) const
{
    if (node.is_image())
        return {.verdict = Verdict::not_applicable, .evidence = {"an image has no ruleset"}};
    const auto chains = look_at_guarded_chains(node.policy);
    if (chains)
        return judge_chains(*chains);
    Judgement judgement;
    judgement.add(Verdict::unknown, chains.error(), "Run it as root; `chainkeeper check` says the same");
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
