// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/metrics/metric.hpp"
#include "tests/netns/await.hpp"
#include "tests/netns/daemon_process.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/process.hpp"
#include "tests/netns/stand_in.hpp"
#include "tests/support/command.hpp"

#include <csignal>
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <regex>
#include <set>
#include <sys/stat.h>
#include <thread>

// What the daemon itself writes for node_exporter.
namespace chainkeeper::tests {

using namespace std::chrono_literals;
using repair::Family;

namespace {

std::filesystem::path textfile_of(const Node& node)
{
    return node.folder() / "chainkeeper.prom";
}

DaemonOptions with_textfile(const Node& node)
{
    return {.policy = {.textfile = textfile_of(node).string()}, .arguments = {"--assume-monitor=dead"}};
}

bool has_line(const std::string& text, const std::string& line)
{
    return ("\n" + text).find("\n" + line) != std::string::npos;
}

void await_line(const Node& node, const std::string& line)
{
    await("the metrics said: " + line, [&] { return has_line(text_of(textfile_of(node)), line + "\n"); });
}

// The names of "# TYPE" lines.
std::set<std::string> metrics_in(const std::string& text)
{
    static const std::regex type{"# TYPE (\\S+) "};
    std::set<std::string> names;
    for (auto match = std::sregex_iterator{text.begin(), text.end(), type}; match != std::sregex_iterator{}; ++match)
        names.insert(match->str(1));
    return names;
}

std::string written_at(const Node& node)
{
    static const std::regex sample{"\nchainkeeper_last_write_timestamp_seconds (\\S+)\n"};
    std::smatch match;
    const auto text = text_of(textfile_of(node));
    return std::regex_search(text, match, sample) ? match.str(1) : "";
}

// How often the daemon has gone to sleep.
unsigned long long sleeps(Daemon& daemon)
{
    const auto status = text_of(fmt::format("/proc/{}/status", daemon.process().pid()));
    const std::string name = "\nvoluntary_ctxt_switches:";
    return std::stoull(status.substr(status.find(name) + name.size()));
}

}  // namespace

TEST_CASE("metrics: the file of a daemon that has repaired a flush is one that promtool has nothing to say of")
{
    Node node;
    make_once(node);
    Daemon daemon{node, with_textfile(node)};
    node.await_healthy();
    const std::string firewall =
        R"(chainkeeper_guarded_object_present{family="ipv4",table="filter",chain="KUBE-FIREWALL",rule=""} )";
    await_line(node, firewall + "1");
    flush_everything();
    node.await_healthy();
    await_line(node, R"(chainkeeper_stage_seconds_count{stage="verified"} 2)");
    const auto text = text_of(textfile_of(node));
    CAPTURE(text);
    const auto checked = run({"promtool", "check", "metrics"}, text);
    CHECK(checked.status == 0);
    CHECK(checked.output + checked.errors == "");

    std::set<std::string> all;
    for (const auto& metric : daemon::metrics::daemon_metrics())
        all.emplace(metric.name);
    CHECK(metrics_in(text) == all);
    CHECK(has_line(text, firewall + "1\n"));
    CHECK(has_line(text, "chainkeeper_flushes_total{unit=\""));
    CHECK(has_line(text, "chainkeeper_recovery_seconds_count 2\n"));
    CHECK(has_line(text, "chainkeeper_mode{mode=\"repair\"} 1\n"));
    CHECK(has_line(text, "chainkeeper_backend{backend=\"nft\"} 1\n"));

    struct stat status {};
    REQUIRE(stat(textfile_of(node).c_str(), &status) == 0);
    CHECK((status.st_mode & 07777U) == 0644U);
    for (const auto& entry : std::filesystem::directory_iterator{node.folder()})
        CHECK(entry.path().extension() != ".new");
}

TEST_CASE("metrics: what a dry run leaves missing is shown as missing, and that it only recorded its repair")
{
    Node node;
    make_once(node);
    auto options = with_textfile(node);
    options.policy.mode = "dry-run";
    const Daemon daemon{node, options};
    flush_filter(Family::ipv4);
    await_line(node,
               R"(chainkeeper_guarded_object_present{family="ipv4",table="filter",chain="KUBE-FIREWALL",rule=""} 0)");
    const auto text = text_of(textfile_of(node));
    const std::string canary = R"(table="filter",chain="KUBE-KUBELET-CANARY",rule=""})";
    CHECK(has_line(text, "chainkeeper_guarded_object_present{family=\"ipv4\"," + canary + " 0\n"));
    CHECK(has_line(text, "chainkeeper_guarded_object_present{family=\"ipv6\"," + canary + " 1\n"));
    CHECK(has_line(text, "chainkeeper_mode{mode=\"dry-run\"} 1\n"));
    CHECK(text.find("result=\"recorded\"} 1\n") != std::string::npos);
    CHECK(text.find("result=\"committed\"}") == std::string::npos);
}

TEST_CASE("metrics: the file moves with the policy, and goes with it")
{
    Node node;
    Daemon daemon{node, with_textfile(node)};
    await_line(node, "chainkeeper_policy_refused 0");
    const auto elsewhere = node.folder() / "elsewhere.prom";
    // A policy that is refused changes nothing but that it is told of.
    write_policy(node, {.textfile = "metrics.prom"});
    daemon.process().send(SIGHUP);
    await_line(node, "chainkeeper_policy_refused 1");

    write_policy(node, {.textfile = elsewhere.string()});
    daemon.process().send(SIGHUP);
    await("the file was there", [&] { return has_line(text_of(elsewhere), "chainkeeper_policy_refused 0\n"); });
    CHECK_FALSE(std::filesystem::exists(textfile_of(node)));

    write_policy(node, {});
    daemon.process().send(SIGHUP);
    await("the file had gone", [&] { return !std::filesystem::exists(elsewhere); });
}

TEST_CASE("metrics: an idle daemon does not wake for them; what wakes it has them written anew")
{
    Node node;
    make_once(node);
    SUBCASE("without a watchdog")
    {
        Daemon daemon{node, with_textfile(node)};
        await_line(node, R"(chainkeeper_family_known{family="ipv6"} 1)");
        std::this_thread::sleep_for(2s);  // for the pace of what was news at the start
        const auto before = sleeps(daemon);
        const auto written = written_at(node);
        std::this_thread::sleep_for(12s);
        CHECK(sleeps(daemon) == before);
        CHECK(written_at(node) == written);
    }
    SUBCASE("with one")
    {
        auto options = with_textfile(node);
        options.environment = {{"WATCHDOG_USEC", "4000000"}};
        Daemon daemon{node, options};
        await_line(node, R"(chainkeeper_family_known{family="ipv6"} 1)");
        std::this_thread::sleep_for(2s);
        const auto before = sleeps(daemon);
        const auto written = written_at(node);
        await("the file was written anew", [&] { return written_at(node) != written; });
        // The watchdog's alone, every 2 to 3 seconds.
        CHECK(sleeps(daemon) - before <= 8);
    }
}

TEST_CASE("metrics: a place that cannot be written to is told of once, and keeps nothing from being repaired")
{
    Node node;
    make_once(node);
    auto options = with_textfile(node);
    options.policy.textfile = (node.folder() / "none" / "chainkeeper.prom").string();
    const Daemon daemon{node, options};
    flush_everything();
    node.await_healthy();
    daemon.await_log("chainkeeper.prom failed");
    std::this_thread::sleep_for(2s);
    CHECK(daemon.count("chainkeeper.prom failed") == 1);
}

}  // namespace chainkeeper::tests
