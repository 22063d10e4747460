// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/kubelet_init_check.hpp"

#include "daemon/bus/units_now.hpp"
#include "daemon/kubelet/kubelet_config.hpp"
#include "daemon/kubelet/kubelet_process.hpp"
#include "daemon/policy_source.hpp"

#include <fmt/format.h>

namespace chainkeeper::daemon::doctor {

namespace {

constexpr std::string_view read_log =
    "Read kubelet's log yourself: `journalctl -u kubelet -g iptables`; a restart of kubelet has it report anew";

std::string_view protocol_of(repair::Family family)
{
    return family == repair::Family::ipv4 ? "IPv4" : "IPv6";
}

std::string repair_step(const InitSeen& seen)
{
    return fmt::format("`chainkeeper repair` makes the chains now; `systemctl restart {}` has kubelet make them, and "
                       "watch them again; `systemctl enable --now chainkeeperd` keeps them whatever kubelet does",
                       seen.unit);
}

std::string watch_step(const InitSeen& seen)
{
    return fmt::format("`systemctl restart {}` has kubelet watch its chains again, once what it met with is mended",
                       seen.unit);
}

void judge_failure(Judgement& judgement, const InitSeen& seen, repair::Family family, const std::string& error)
{
    const auto name = protocol_of(family);
    const auto why = error.empty() ? "its log does not say why" : error;
    const auto failed =
        fmt::format("{}: kubelet failed to make its chains when it started, and never looks again: {}", name, why);
    const auto* const found = seen.chains ? seen.chains->family(to_string(family)) : nullptr;
    if (found == nullptr)
        return judgement.add(Verdict::critical, fmt::format("{}; whether they are there is not known", failed),
                             repair_step(seen));
    if (!found->findings.empty())
        return judgement.add(Verdict::critical,
                             fmt::format("{}; they are missing, and kubelet will never make them", failed),
                             repair_step(seen));
    if (!seen.chains->daemon_runs || seen.chains->held_back)
        return judgement.add(
            Verdict::critical,
            fmt::format("{}; they are there now, and nobody puts them back after the next flush", failed),
            repair_step(seen));
    judgement.add(Verdict::warning, fmt::format("{}; they are there now, and chainkeeperd alone keeps them", failed),
                  watch_step(seen));
}

// The journal keeps less than the daemon, whose evidence is of this start of kubelet.
bool judge_by_daemon(Judgement& judgement, const InitSeen& seen, repair::Family family)
{
    const auto* const found = seen.chains ? seen.chains->family(to_string(family)) : nullptr;
    if (found == nullptr || (found->monitor_by_journal != "alive" && found->monitor_by_journal != "dead"))
        return false;
    if (found->monitor_by_journal == "dead")
        judge_failure(judgement, seen, family,
                      "chainkeeperd has read so in the journal, which has no word of it any more");
    else
        judgement.add(Verdict::ok,
                      fmt::format("{}: kubelet made its chains, and watches them, as chainkeeperd has read in "
                                  "the journal, which has no word of it any more",
                                  protocol_of(family)));
    return true;
}

void judge_silence(Judgement& judgement, const InitSeen& seen, repair::Family family)
{
    if (judge_by_daemon(judgement, seen, family))
        return;
    if (seen.is_young)
        return judgement.add(Verdict::unknown,
                             fmt::format("{}: kubelet has just started, and has not reported yet", protocol_of(family)),
                             "Look again in half a minute");
    // It writes a line for each family, one right after the other.
    if (!seen.init.reports.empty())
        return judgement.add(Verdict::ok,
                             fmt::format("{}: kubelet has left it out, as it does from 1.33 on where the iptables of a "
                                         "family does not work",
                                         protocol_of(family)));
    judgement.add(
        Verdict::unknown,
        fmt::format("{}: the journal has no word of kubelet's chains of this start of it: it may be gone from "
                    "the journal, or was never written there",
                    protocol_of(family)),
        read_log);
}

void judge_family(Judgement& judgement, const InitSeen& seen, repair::Family family)
{
    const auto report = seen.init.reports.find(family);
    if (report == seen.init.reports.end())
        judge_silence(judgement, seen, family);
    else if (report->second.succeeded)
        judgement.add(Verdict::ok, fmt::format("{}: kubelet made its chains, and watches them", protocol_of(family)));
    else
        judge_failure(judgement, seen, family, report->second.error);
}

Judgement not_applicable(std::string why)
{
    return {.verdict = Verdict::not_applicable, .evidence = {std::move(why)}};
}

Judgement unknown(const std::string& why, std::string_view step)
{
    Judgement judgement;
    judgement.add(Verdict::unknown, why, step);
    return judgement;
}

Judgement examine_kubelet(const KubeletUnit& kubelet, const policies::Policy& policy, const PolicyOptions& options)
{
    const auto opt_out = read_opt_out("/proc", kubelet_process("/proc", kubelet.main_pid));
    if (opt_out.answer == OptOut::yes)
        return not_applicable(fmt::format("kubelet makes no chains: {}", opt_out.why));
    const auto init = read_kubelet_init(kubelet.invocation, kubelet.active_since);
    if (!init)
        return unknown(init.error().what, "Run it as root; where the journal is turned off, kubelet's own log tells");
    InitSeen seen{.unit = kubelet.name,
                  .is_young = SystemClock{}.now() < kubelet.active_since + policy.kubelet.init_grace,
                  .init = *init,
                  .chains = {}};
    if (auto chains = look_at_guarded_chains(options))
        seen.chains = *std::move(chains);
    return judge_init(seen);
}

}  // namespace

Judgement judge_init(const InitSeen& seen)
{
    if (seen.init.found_no_iptables && seen.init.reports.empty()) {
        Judgement judgement;
        judgement.add(Verdict::warning, "kubelet found no iptables when it started, and makes no chains",
                      fmt::format("If that is not meant, install iptables, then `systemctl restart {}`", seen.unit));
        return judgement;
    }
    Judgement judgement;
    for (const auto family : repair::all_families)
        judge_family(judgement, seen, family);
    return judgement;
}

Judgement KubeletInitCheck::examine(const Node& node) const
{
    if (node.is_image())
        return not_applicable("no kubelet runs in an image");
    const auto policy = load_effective_policy(node.policy.policy);
    if (!policy)
        return unknown(policy.error().what, "`chainkeeper policy check` says what is wrong with the policy");
    const auto units = known_units(*policy, SystemClock{});
    if (!units)
        return unknown(units.error(), "Start D-Bus: `systemctl start dbus`");
    if (!*units)
        return not_applicable("there is no systemd to tell when kubelet started");
    if (!(*units)->kubelet)
        return not_applicable("kubelet does not run");
    return examine_kubelet(*(*units)->kubelet, *policy, node.policy);
}

}  // namespace chainkeeper::daemon::doctor
