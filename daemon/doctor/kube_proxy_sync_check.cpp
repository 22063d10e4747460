// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/kube_proxy_sync_check.hpp"

#include "daemon/doctor/http_get.hpp"
#include "daemon/doctor/kube_proxy.hpp"
#include "daemon/short_text.hpp"
#include "policies/duration.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace chainkeeper::daemon::doctor {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t longest_mode = 40;
constexpr double clock_slack = 1;  // in seconds

constexpr std::string_view see_log = "See kube-proxy's log (kubectl -n kube-system logs): what it says of its syncs";

double seconds_of(policies::Duration duration)
{
    return std::chrono::duration<double>(duration).count();
}

// "IPv4: " where there is one of each family.
std::string label_of_family(const std::string& family)
{
    return family.empty() ? "" : short_text(family, 8) + ": ";
}

void judge_speed(Judgement& judgement, const std::string& family, const FamilySyncs& syncs, double limit)
{
    const auto p99 = quantile(syncs.buckets, 0.99);
    if (!p99)
        return judgement.add(Verdict::ok, fmt::format("{}no sync since kube-proxy started", family));
    const auto seen = fmt::format("{}sync p99 {:.3f} s since kube-proxy started", family, *p99);
    if (*p99 > limit)
        judgement.add(Verdict::warning, seen,
                      "See how many rules there are, and who holds the xtables lock; fewer Services, or kube-proxy's "
                      "nftables mode, make it faster");
    else
        judgement.add(Verdict::ok, seen);
}

// The last sync is too long ago for one that is wanted. One that was asked for a moment ago may be under way.
bool is_overdue(const FamilySyncs& syncs, const policies::Policy::Doctor& thresholds, double now)
{
    return syncs.last_synced && now - *syncs.last_synced > seconds_of(thresholds.sync_age) &&
           (!syncs.last_queued || now - *syncs.last_queued > seconds_of(thresholds.sync_p99));
}

void judge_age(Judgement& judgement, const std::string& family, const FamilySyncs& syncs,
               const policies::Policy::Doctor& thresholds, double now)
{
    if (!syncs.last_synced)
        return judgement.add(syncs.last_queued ? Verdict::warning : Verdict::ok,
                             fmt::format("{}never synced since kube-proxy started", family),
                             syncs.last_queued ? see_log : "");
    const auto age = now - *syncs.last_synced;
    const auto ago =
        age < -clock_slack ? std::string{"before the clock was put back"} : fmt::format("{:.0f} s ago", age);
    if (!syncs.last_queued || *syncs.last_queued <= *syncs.last_synced)
        return judgement.add(Verdict::ok, fmt::format("{}synced {}, and nothing is queued", family, ago));
    if (*syncs.last_queued > now + clock_slack)
        return judgement.add(
            Verdict::unknown,
            fmt::format("{}synced {}, and since when another sync is queued cannot be told", family, ago),
            "Look again in a minute; where it is the same then, restart kube-proxy");
    const auto seen = fmt::format("{}synced {}, and another sync is queued since {:.0f} s at least", family, ago,
                                  now - *syncs.last_queued);
    if (!is_overdue(syncs, thresholds, now))
        return judgement.add(Verdict::ok, seen);
    judgement.add(syncs.restore_failures + syncs.nftables_failures > 0 ? Verdict::critical : Verdict::warning, seen,
                  see_log);
}

// A sync that failed is tried again: what was written since has all of it.
void judge_failures(Judgement& judgement, const std::string& family, const FamilySyncs& syncs)
{
    const bool is_wanted = syncs.last_queued && (!syncs.last_synced || *syncs.last_queued > *syncs.last_synced);
    for (const auto& [what, count] : {std::pair{"iptables-restore", syncs.restore_failures},
                                      std::pair{"the nftables transaction", syncs.nftables_failures}})
        if (count > 0)
            judgement.add(is_wanted ? Verdict::warning : Verdict::ok,
                          fmt::format("{}{} failed {:.0f} times since kube-proxy started{}", family, what, count,
                                      is_wanted ? ", and a sync is wanted" : ", and a sync has succeeded after it"),
                          is_wanted ? see_log : "");
    if (syncs.partial_restore_failures > 0)
        judgement.add(Verdict::ok, fmt::format("{}{:.0f} partial writes failed, after which it writes all", family,
                                               syncs.partial_restore_failures));
}

void judge_pending(Judgement& judgement, const FamilySyncs& syncs, bool is_late)
{
    for (const auto& [what, count] :
         {std::pair{"endpoint", syncs.endpoint_changes_pending}, std::pair{"service", syncs.service_changes_pending}})
        if (count.value_or(0) > 0)
            judgement.add(is_late ? Verdict::warning : Verdict::ok,
                          fmt::format("{:.0f} {} changes pending", *count, what), is_late ? see_log : "");
}

void judge_unasked(Judgement& judgement, const Root& root, const HttpError& error)
{
    const auto running = kube_proxy_processes(root);
    if (!running)
        return judgement.add_unknown(running.error());
    if (error.is_refused && running->empty()) {
        judgement = {
            .verdict = Verdict::not_applicable,
            .evidence = {fmt::format("no kube-proxy runs here, and nobody listens on 127.0.0.1:{}", kube_proxy_port)},
            .next_step = {}};
        return;
    }
    judgement.add(
        Verdict::unknown,
        fmt::format("127.0.0.1:{}/metrics: {}{}", kube_proxy_port, error.what,
                    running->empty() ? std::string{} : fmt::format("; kube-proxy runs as {}", running->front().pid)),
        "See what listens there (`ss -ltnp`), and kube-proxy's metricsBindAddress");
}

double now_in_seconds()
{
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

Judgement judge_syncs(const ProxyMetrics& metrics, const policies::Policy::Doctor& thresholds, double now)
{
    Judgement judgement;
    const bool is_late = std::ranges::any_of(
        metrics.families, [&](const auto& family) { return is_overdue(family.second, thresholds, now); });
    for (const auto& [label, syncs] : metrics.families) {
        const auto family = label_of_family(label);
        // The changes are counted for both families at once, without a label.
        if (!syncs.buckets.empty() || syncs.last_synced || syncs.last_queued) {
            judge_speed(judgement, family, syncs, seconds_of(thresholds.sync_p99));
            judge_age(judgement, family, syncs, thresholds, now);
        }
        judge_failures(judgement, family, syncs);
        judge_pending(judgement, syncs, is_late);
    }
    return judgement;
}

Judgement KubeProxySyncCheck::examine(const Node& node) const
{
    Judgement judgement;
    if (node.is_image())
        return {.verdict = Verdict::not_applicable, .evidence = {"nothing runs in an image"}, .next_step = {}};
    const auto deadline = Clock::now() + kube_proxy_deadline;
    const auto text = get_from_loopback(kube_proxy_port, "/metrics", deadline);
    if (!text) {
        judge_unasked(judgement, node.root, text.error());
        return judgement;
    }
    const auto metrics = proxy_metrics(*text);
    if (metrics.empty()) {
        judge_unasked(judgement, node.root, {.is_refused = false, .what = "holds no metrics of kube-proxy's syncs"});
        return judgement;
    }
    judgement = judge_syncs(metrics, node.thresholds, now_in_seconds());
    const auto mode = get_from_loopback(kube_proxy_port, "/proxyMode", deadline);
    judgement.add(Verdict::ok, mode ? fmt::format("mode: {}", short_text(*mode, longest_mode))
                                    : fmt::format("its mode is not known: {}", mode.error().what));
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
