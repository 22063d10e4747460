// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/kube_proxy_sync_check.hpp"
#include "daemon/doctor/lock_holder.hpp"
#include "daemon/doctor/proxy_metrics.hpp"
#include "daemon/doctor/xtables_lock_check.hpp"
#include "tests/unit/doctor_root.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <limits>

// What kube-proxy says of its syncs, and what comes of it.

using namespace chainkeeper::daemon::doctor;
using chainkeeper::policies::Policy;
using chainkeeper::tests::DoctorRoot;
using chainkeeper::tests::says;

namespace {

constexpr double now = 1'700'000'000;

const std::string healthy = "# HELP kubeproxy_sync_proxy_rules_duration_seconds [ALPHA] SyncProxyRules latency\n"
                            "# TYPE kubeproxy_sync_proxy_rules_duration_seconds histogram\n"
                            "kubeproxy_sync_proxy_rules_duration_seconds_bucket{le=\"0.512\"} 90\n"
                            "kubeproxy_sync_proxy_rules_duration_seconds_bucket{le=\"1.024\"} 100\n"
                            "kubeproxy_sync_proxy_rules_duration_seconds_bucket{le=\"+Inf\"} 100\n"
                            "kubeproxy_sync_proxy_rules_duration_seconds_sum 30.5\n"
                            "kubeproxy_sync_proxy_rules_duration_seconds_count 100\n"
                            "kubeproxy_sync_proxy_rules_endpoint_changes_pending 0\n"
                            "kubeproxy_sync_proxy_rules_iptables_restore_failures_total 0\n"
                            "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds 1.6999e+09\n"
                            "kubeproxy_sync_proxy_rules_last_timestamp_seconds 1.6999e+09\n";

Judgement judge(const std::string& text, const Policy::Doctor& thresholds = {})
{
    return judge_syncs(proxy_metrics(text), thresholds, now);
}

// One that synced so many seconds ago, and was asked to so many ago.
std::string synced(double ago, double queued_ago, std::string_view labels = "")
{
    return fmt::format("kubeproxy_sync_proxy_rules_last_timestamp_seconds{0} {1}\n"
                       "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds{0} {2}\n",
                       labels, now - ago, now - queued_ago);
}

}  // namespace

TEST_CASE("doctor kube-proxy-sync: lines of metrics")
{
    CHECK(metric_sample("a 1") == MetricSample{.name = "a", .labels = {}, .value = 1});
    CHECK(metric_sample("a{} 1.5e3 1700000000000\r") == MetricSample{.name = "a", .labels = {}, .value = 1500});
    CHECK(metric_sample(R"(a{b="c",d="\"\\\n}",} 2)") ==
          MetricSample{.name = "a", .labels = {{"b", "c"}, {"d", "\"\\\n}"}}, .value = 2});
    CHECK(metric_sample("a +Inf").has_value());
    for (const auto* const line :
         {"", "#", "# HELP a b", "a", "a ", "a b", "a 1 2 3", "a 1 x", "a{ 1", "a{b} 1", "a{b=c} 1", "a{b=\"c} 1",
          R"(a{b="c"d="e"} 1)", R"(a{b="c",b="d"} 1)", "a{b=\"c\\", "{b=\"c\"} 1", "<html>", "a 0x10", "a 1,5"})
        CHECK_MESSAGE(!metric_sample(line), line);
}

TEST_CASE("doctor kube-proxy-sync: a quantile is interpolated in its bucket")
{
    CHECK(quantile({{1, 100}, {2, 200}}, 0.75) == doctest::Approx(1.5));
    CHECK(quantile({{1, 100}, {2, 200}}, 0.25) == doctest::Approx(0.5));
    CHECK(quantile({{1, 1}, {std::numeric_limits<double>::infinity(), 100}}, 0.99) == doctest::Approx(1));
    CHECK_FALSE(quantile({}, 0.99));
    CHECK_FALSE(quantile({{1, 0}}, 0.99));
    CHECK(quantile({{1, 0}, {1e308, 100}}, 0.99) == doctest::Approx(0.99e308));
}

TEST_CASE("doctor kube-proxy-sync: a kube-proxy that has nothing to do is well, however old its last sync")
{
    const auto judgement = judge(healthy);
    CHECK(judgement.verdict == Verdict::ok);
    CHECK(says(judgement, "sync p99 0.973 s"));
    CHECK(says(judgement, "synced 100000 s ago, and nothing is queued"));
}

TEST_CASE("doctor kube-proxy-sync: the policy says how slow a sync may be")
{
    CHECK(judge(healthy, {.sync_p99 = std::chrono::milliseconds{900}}).verdict == Verdict::warning);
    CHECK(judge(healthy, {.sync_p99 = std::chrono::milliseconds{1000}}).verdict == Verdict::ok);
}

TEST_CASE("doctor kube-proxy-sync: a sync that is wanted and does not come")
{
    CHECK(judge(synced(61, 6)).verdict == Verdict::warning);
    CHECK(judge(synced(59, 6)).verdict == Verdict::ok);
    CHECK(judge(synced(61, 4)).verdict == Verdict::ok);  // it may be under way
    CHECK(judge(synced(61, 62)).verdict == Verdict::ok);
    CHECK(judge(synced(59, 6), {.sync_age = std::chrono::seconds{30}}).verdict == Verdict::warning);
    const auto failing = synced(61, 6) + "kubeproxy_sync_proxy_rules_iptables_restore_failures_total 3\n";
    CHECK(judge(failing).verdict == Verdict::critical);
    CHECK(says(judge(failing), "iptables-restore failed 3 times"));
    CHECK(judge("kubeproxy_sync_proxy_rules_last_timestamp_seconds 0\n"
                "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds 1.6e9\n")
              .verdict == Verdict::warning);
}

TEST_CASE("doctor kube-proxy-sync: a clock that was put back")
{
    const auto wanted = judge(synced(-3600, -3601));  // after it
    CHECK(wanted.verdict == Verdict::unknown);
    CHECK(says(wanted, "synced before the clock was put back, and since when another sync is queued cannot be told"));
    CHECK(judge(synced(-3600, 10)).verdict == Verdict::ok);
    CHECK(says(judge(synced(-3600, 10)), "synced before the clock was put back, and nothing is queued"));
}

TEST_CASE("doctor kube-proxy-sync: pending changes and failures")
{
    const std::string pending = "kubeproxy_sync_proxy_rules_endpoint_changes_pending 7\n";
    CHECK(judge(synced(61, 62) + pending).verdict == Verdict::warning);
    CHECK(judge(synced(1, 2) + pending).verdict == Verdict::ok);
    CHECK(says(judge(synced(1, 2) + pending), "7 endpoint changes pending"));
    const std::string failures = "kubeproxy_sync_proxy_rules_nftables_sync_failures_total 2\n";
    const auto failed = judge(synced(2, 1) + failures);
    CHECK(failed.verdict == Verdict::warning);
    CHECK(says(failed, "nftables transaction failed 2 times since kube-proxy started, and a sync is wanted"));
    const auto mended = judge(synced(1, 2) + failures);
    CHECK(mended.verdict == Verdict::ok);
    CHECK(mended.next_step.empty());
    CHECK(says(mended, "failed 2 times since kube-proxy started, and a sync has succeeded after it"));
    CHECK(judge(synced(1, 2) + "kubeproxy_sync_proxy_rules_iptables_partial_restore_failures_total 2\n").verdict ==
          Verdict::ok);
}

TEST_CASE("doctor kube-proxy-sync: each IP family for itself")
{
    const auto judgement = judge(synced(1, 2, R"({ip_family="IPv4"})") + synced(100, 50, R"({ip_family="IPv6"})"));
    CHECK(judgement.verdict == Verdict::warning);
    CHECK(says(judgement, "IPv4: synced 1 s ago"));
    CHECK(says(judgement, "IPv6: synced 100 s ago, and another sync is queued"));
}

TEST_CASE("doctor kube-proxy-sync: what is no metric of its syncs is left out, and there is no end to nothing")
{
    CHECK(proxy_metrics("<html>\n\xff\xfe\nkubeproxy_proxy_healthz_total 1\n").empty());
    CHECK(proxy_metrics("kubeproxy_sync_proxy_rules_last_timestamp_seconds NaN\n").empty());
    CHECK(proxy_metrics("kubeproxy_sync_proxy_rules_last_timestamp_seconds -1\n").empty());
    for (const auto* const limit : {"-1", "-1e308", "-inf", "nan", "x"})
        CHECK(proxy_metrics(fmt::format("kubeproxy_sync_proxy_rules_duration_seconds_bucket{{le=\"{}\"}} 1\n", limit))
                  .families.at("")
                  .buckets.empty());
    std::string many;
    for (int index = 0; index < 1000; ++index)
        many += fmt::format("kubeproxy_sync_proxy_rules_duration_seconds_bucket{{ip_family=\"{0}\",le=\"{0}\"}} 1\n"
                            "kubeproxy_sync_proxy_rules_duration_seconds_bucket{{ip_family=\"a\",le=\"{0}\"}} 1\n",
                            index);
    const auto metrics = proxy_metrics(many);
    CHECK(metrics.families.size() == 4);
    CHECK(metrics.families.at("a").buckets.size() == 64);
}

TEST_CASE("doctor: an image has no lock and no kube-proxy")
{
    const DoctorRoot image;
    CHECK(image.examine(KubeProxySyncCheck{}).verdict == Verdict::not_applicable);
    CHECK(image.examine(XtablesLockCheck{}).verdict == Verdict::not_applicable);
}

TEST_CASE("doctor xtables-lock: when a process started, whatever its name is")
{
    CHECK(start_ticks("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20\n") == 4711);
    CHECK_FALSE(start_ticks("7 (a) S 1 2 3"));
    CHECK_FALSE(start_ticks(""));
}
