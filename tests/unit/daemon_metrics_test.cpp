// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/metrics/counters.hpp"
#include "daemon/metrics/gauges.hpp"
#include "daemon/metrics/metric.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/sample_reports.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fstream>
#include <set>

using namespace chainkeeper;
using namespace chainkeeper::daemon;
using namespace chainkeeper::daemon::metrics;
using namespace chainkeeper::tests;
using namespace std::chrono_literals;

namespace {

constexpr auto start = sample_start;

std::string text_of(const Counters& counters)
{
    Exposition exposition{daemon_metrics()};
    counters.add_to(exposition);
    return exposition.text();
}

bool has_line(const std::string& text, const std::string& line)
{
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

Settled flush_by(const std::string& unit, Instant at = start)
{
    auto culprit = sample_culprit();
    culprit.unit = unit;
    Settled settled{.at = at, .burst = sample_burst(culprit)};
    settled.burst.transactions.clear();
    settled.burst.first = at - 500ms;
    return settled;
}

Decided repair_at(Instant at, policies::Action action = policies::Action::repair)
{
    auto decided = sample_decision(policies::Row::assist, action);
    decided.at = at;
    return decided;
}

Committed commit_at(Instant at, repair::Outcome::Kind kind)
{
    return {.at = at, .plan = sample_plan(), .outcome = {.kind = kind, .generation = 1, .detail = ""}};
}

// What is before the value of the samples of a metric.
std::set<std::string> series_of(const std::string& text, const std::string& metric)
{
    std::set<std::string> series;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = text.find('\n', at);
        const auto line = text.substr(at, end - at);
        if (line.starts_with(metric + "{"))
            series.insert(line.substr(0, line.rfind(' ')));
        at = end + 1;
    }
    return series;
}

}  // namespace

TEST_CASE("metrics: names, types and helps are as Prometheus wants them")
{
    std::set<std::string_view> names;
    for (const auto& metric : daemon_metrics()) {
        CAPTURE(metric.name);
        CHECK(names.insert(metric.name).second);
        CHECK(metric.name.starts_with("chainkeeper_"));
        CHECK(metric.name.ends_with("_total") == (metric.type == Metric::Type::counter));
        CHECK(metric.help.find_first_of("\n\\") == std::string_view::npos);
        if (metric.type == Metric::Type::histogram)
            CHECK(metric.name.ends_with("_seconds"));
    }
}

TEST_CASE("metrics: labels are escaped and printable, and the samples of a metric stand together")
{
    Exposition exposition{daemon_metrics()};
    exposition.add("chainkeeper_hold", {}, 1);
    exposition.add("chainkeeper_flushes_total", {{"unit", "a\"b\\c\nd\xff"}}, 3);
    exposition.add("chainkeeper_hold", {{"x", "y"}}, 0);
    CHECK(exposition.text() ==
          "# HELP chainkeeper_hold 1 while an operator's hold is in force.\n# TYPE chainkeeper_hold gauge\n"
          "chainkeeper_hold 1\nchainkeeper_hold{x=\"y\"} 0\n"
          "# HELP chainkeeper_flushes_total Flushes that took something of kubelet's, by who did it.\n"
          "# TYPE chainkeeper_flushes_total counter\nchainkeeper_flushes_total{unit=\"a\\\"b\\\\c?d?\"} 3\n");
}

TEST_CASE("metrics: a histogram counts each observation in every bucket that it fits into")
{
    Histogram histogram;
    for (const Duration took : {Duration{100us}, Duration{101us}, Duration{2s}, Duration{1h}})
        histogram.observe(took);
    CHECK(histogram.count_up_to(0) == 1);
    CHECK(histogram.count_up_to(1) == 2);
    CHECK(histogram.count_up_to(Histogram::bounds.size() - 1) == 3);
    CHECK(histogram.count() == 4);
    CHECK(histogram.sum() == doctest::Approx(3602.000201));
    Exposition exposition{daemon_metrics()};
    exposition.add("chainkeeper_stage_seconds", {{"stage", "settled"}}, histogram);
    const auto text = exposition.text();
    CHECK(has_line(text, R"(chainkeeper_stage_seconds_bucket{stage="settled",le="0.0001"} 1)"));
    CHECK(has_line(text, R"(chainkeeper_stage_seconds_bucket{stage="settled",le="+Inf"} 4)"));
    CHECK(has_line(text, R"(chainkeeper_stage_seconds_count{stage="settled"} 4)"));
}

TEST_CASE("metrics: what there may be any number of shares a label, and so does what is beyond twenty")
{
    const auto label = [](const std::string& unit) {
        return culprit_label({.comm = "x", .unit = unit, .command_line = "", .ancestors = {}});
    };
    CHECK(label("iptables.service") == "iptables.service");
    CHECK(label("foo@bar.service") == "foo@.service");
    CHECK(label("session-12.scope") == "*.scope");
    CHECK(label("run-r0f3b2c4d.service") == "run-*.service");
    CHECK(label("run-parts.timer") == "run-parts.timer");
    CHECK(label("kubepods-pod1.slice") == "*.slice");
    CHECK(label("") == "unknown");

    Counters counters;
    for (int number = 0; number < 1000; ++number)
        counters.report(flush_by(fmt::format("unit-{}.service", number)));
    counters.report(flush_by("unit-3.service"));
    const auto text = text_of(counters);
    CHECK(series_of(text, "chainkeeper_flushes_total").size() == most_culprits + 1);
    CHECK(has_line(text, R"(chainkeeper_flushes_total{unit="unit-3.service"} 2)"));
    CHECK(has_line(text, R"(chainkeeper_flushes_total{unit="other"} 980)"));
}

TEST_CASE("metrics: each stage of a repair is measured from the one before, and the recovery from the first")
{
    Counters counters;
    counters.report(flush_by("iptables.service", start));
    counters.report(repair_at(start + 2s));
    counters.report(commit_at(start + 5s, repair::Outcome::Kind::committed));
    counters.report(Verified{.at = start + 9s, .fulfilled = false, .nudged = false, .after = sample_diagnosis()});
    counters.end_of_look();
    const auto text = text_of(counters);
    CHECK(has_line(text, R"(chainkeeper_stage_seconds_sum{stage="settled"} 0.5)"));
    CHECK(has_line(text, R"(chainkeeper_stage_seconds_sum{stage="decided"} 2)"));
    CHECK(has_line(text, R"(chainkeeper_stage_seconds_sum{stage="committed"} 3)"));
    CHECK(has_line(text, R"(chainkeeper_stage_seconds_sum{stage="verified"} 4)"));
    CHECK(has_line(text, "chainkeeper_recovery_seconds_sum 5.5"));
    CHECK(has_line(text, R"(chainkeeper_repairs_total{family="ipv4",decision="repair: assist",result="committed"} 1)"));
    CHECK(has_line(text, R"(chainkeeper_repairs_unfulfilled_total{family="ipv4"} 1)"));
    CHECK(has_line(text, R"(chainkeeper_repairs_unfulfilled_total{family="ipv6"} 0)"));
}

TEST_CASE("metrics: a family that a flush spared is not measured by it later")
{
    Counters counters;
    counters.report(flush_by("iptables.service", start));
    counters.end_of_look();
    counters.report(repair_at(start + 1h));
    counters.report(commit_at(start + 1h, repair::Outcome::Kind::committed));
    CHECK(has_line(text_of(counters), "chainkeeper_recovery_seconds_count 0"));
}

TEST_CASE("metrics: the wait for the lock ends with the commit, and counts once")
{
    Counters counters;
    counters.report(flush_by("iptables.service", start));
    counters.report(repair_at(start));
    auto waiting = commit_at(start + 5s, repair::Outcome::Kind::lock_timeout);
    waiting.lock_wait = 5s;
    counters.report(waiting);
    auto written = commit_at(start + 7s, repair::Outcome::Kind::committed);
    written.lock_wait = 7s;
    written.stale_commits = 2;
    counters.report(written);
    const auto text = text_of(counters);
    CHECK(has_line(text, "chainkeeper_lock_wait_seconds_sum 7"));
    CHECK(has_line(text, "chainkeeper_lock_wait_seconds_count 1"));
    CHECK(has_line(text, "chainkeeper_recovery_seconds_sum 7.5"));
    CHECK(has_line(text, "chainkeeper_stale_commits_total 2"));
}

TEST_CASE("metrics: gaps and troubles are counted, and a gap without a loss is no flush")
{
    Counters counters;
    Burst burst{.first = start, .last = start};
    burst.add_gap("events were lost (ENOBUFS)");
    counters.report(Settled{.at = start, .burst = burst});
    counters.report(Trouble{.at = start, .what = "no"});
    const auto text = text_of(counters);
    CHECK(has_line(text, "chainkeeper_gaps_total 1"));
    CHECK(has_line(text, "chainkeeper_troubles_total 1"));
    CHECK(series_of(text, "chainkeeper_flushes_total").empty());
}

TEST_CASE("metrics: what is so now is told of each family, and what is not known of none")
{
    NodeNow now{.at = sample_wall, .status = {}, .families = {}};
    now.families.push_back(
        {.family = repair::Family::ipv4,
         .looked = sample_wall,
         .objects = {{.table = repair::Table::filter, .chain = "KUBE-FIREWALL", .rule = "", .present = false},
                     {.table = repair::Table::filter, .chain = "INPUT", .rule = "-j KUBE-FIREWALL", .present = true}}});
    now.families.push_back({.family = repair::Family::ipv6, .looked = std::nullopt, .objects = {}});
    Status::Family family;
    family.diagnosis = sample_diagnosis();
    family.decision = sample_decision(policies::Row::standoff, policies::Action::refuse).decision;
    family.standoff_until = sample_wall;
    now.status.families.push_back(family);
    now.status.mode = "dry-run";
    Exposition exposition{daemon_metrics()};
    add_gauges(exposition, now);
    const auto text = exposition.text();
    CHECK(has_line(text, R"(chainkeeper_family_known{family="ipv4"} 1)"));
    CHECK(has_line(text, R"(chainkeeper_family_known{family="ipv6"} 0)"));
    CHECK(has_line(
        text, R"(chainkeeper_guarded_object_present{family="ipv4",table="filter",chain="KUBE-FIREWALL",rule=""} 0)"));
    CHECK(has_line(
        text,
        R"(chainkeeper_guarded_object_present{family="ipv4",table="filter",chain="INPUT",rule="-j KUBE-FIREWALL"} 1)"));
    CHECK(has_line(text, R"(chainkeeper_findings{family="ipv4",kind="chain_missing"} 1)"));
    CHECK(has_line(text, R"(chainkeeper_findings{family="ipv4",kind="chain_damaged"} 0)"));
    CHECK(has_line(text, R"(chainkeeper_decision{family="ipv4",decision="refuse: standoff"} 1)"));
    CHECK(has_line(text, R"(chainkeeper_standoff{family="ipv4"} 1)"));
    CHECK(has_line(text, R"(chainkeeper_mode{mode="dry-run"} 1)"));
    CHECK(has_line(text, R"(chainkeeper_mode{mode="repair"} 0)"));
    CHECK(has_line(text, R"(chainkeeper_backend{backend="unknown"} 1)"));
    CHECK(has_line(text, R"(chainkeeper_last_write_timestamp_seconds 1795248000)"));
    CHECK(series_of(text, "chainkeeper_last_look_timestamp_seconds").size() == 1);
}

TEST_CASE("metrics: the table of connections is told of where there is one")
{
    const TemporaryDirectory proc;
    Exposition none{daemon_metrics()};
    add_conntrack(none, proc.path());
    CHECK(none.text().empty());
    std::filesystem::create_directories(proc.path() / "sys/net/netfilter");
    std::ofstream{proc.path() / "sys/net/netfilter/nf_conntrack_count"} << "17\n";
    std::ofstream{proc.path() / "sys/net/netfilter/nf_conntrack_max"} << "262144\n";
    Exposition exposition{daemon_metrics()};
    add_conntrack(exposition, proc.path());
    CHECK(has_line(exposition.text(), "chainkeeper_conntrack_entries 17"));
    CHECK(has_line(exposition.text(), "chainkeeper_conntrack_entries_limit 262144"));
}
