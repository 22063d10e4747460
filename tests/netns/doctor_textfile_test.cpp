// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/doctor_metrics.hpp"
#include "tests/netns/daemon_process.hpp"
#include "tests/netns/doctor_answer.hpp"
#include "tests/netns/kube_proxy.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/process.hpp"
#include "tests/netns/stand_in.hpp"
#include "tests/support/command.hpp"
#include "tests/support/ruleset.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/stat.h>
#include <vector>

// `chainkeeper doctor --textfile`: what Prometheus is told.
namespace chainkeeper::tests {

using repair::Family;

namespace {

bool has_line(const std::string& text, const std::string& line)
{
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

std::size_t lines_with(const std::string& text, const std::string& beginning)
{
    std::size_t count = 0;
    for (auto at = ("\n" + text).find("\n" + beginning); at != std::string::npos;
         at = ("\n" + text).find("\n" + beginning, at + 1))
        ++count;
    return count;
}

// By iptables' own count.
std::string rules_line(const Node& node, Family family, const std::string& table)
{
    const auto rules = lines_with(must_run({iptables(family, "-save"), "-t", table}), "-A ");
    REQUIRE(rules > 0);
    return fmt::format(R"(chainkeeper_rules{{backend="{}",family="{}",table="{}"}} {})",
                       node.iptables() == IptablesBackend::nft ? "nft" : "legacy", to_string(family), table, rules);
}

}  // namespace

TEST_CASE("doctor --textfile: the verdicts, and the rules as iptables counts them; promtool has nothing to say of it")
{
    const auto place = each_place();
    const Node node{27, place.iptables};
    make_once(node);
    make_kube_proxy(place.family);
    make_services(place.family, 7);
    nft_script(
        "add table ip elsewhere; add chain ip elsewhere a; add rule ip elsewhere a drop\n"
        "add table ip another; add chain ip another a; add rule ip another a drop; add rule ip another a accept\n");
    const auto file = node.folder() / "doctor.prom";
    const auto answer = chainkeeper(node, {"doctor", "--json", "--textfile", file.string()});
    const auto text = text_of(file);
    CAPTURE(text);
    const auto checked = run({"promtool", "check", "metrics"}, text);
    CHECK(checked.status == 0);
    CHECK(checked.output + checked.errors == "");

    const auto checks = nlohmann::json::parse(answer.output).at("checks");
    for (const auto& check : checks)
        CHECK(has_line(text, fmt::format(R"(chainkeeper_doctor_verdict{{check="{}",verdict="{}"}} 1)",
                                         check.at("name").get<std::string>(), check.at("verdict").get<std::string>())));
    CHECK(lines_with(text, "chainkeeper_doctor_verdict{") == checks.size());
    for (const auto& metric : daemon::doctor::doctor_metrics())
        CHECK(lines_with(text, fmt::format("# TYPE {} ", metric.name)) == 1);

    for (const auto* const table : {"nat", "filter"})
        CHECK(has_line(text, rules_line(node, place.family, table)));
    CHECK(has_line(text, R"(chainkeeper_rules{backend="nft",family="ipv4",table="other"} 3)"));
    struct stat status {};
    REQUIRE(stat(file.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777U) == 0644U);
    CHECK_FALSE(std::filesystem::exists(file.string() + ".new"));

    // Of one check.
    CHECK(chainkeeper(node, {"doctor", "--brief", "--check", "conntrack", "--textfile", file.string()}).status == 0);
    const auto of_one = text_of(file);
    CHECK(lines_with(of_one, "chainkeeper_doctor_verdict{") == 1);
    CHECK(lines_with(of_one, "chainkeeper_rules{") == 0);
}

TEST_CASE("doctor rule-count: what has become more since the unit of doctor looked, and nothing of a file that is none")
{
    const auto place = each_place();
    const Node node{27, place.iptables};
    make_kube_proxy(place.family);
    const std::filesystem::path folder = "/run/chainkeeper-doctor";
    const auto file = folder / "chainkeeper-doctor.prom";
    REQUIRE(std::filesystem::create_directory(folder));
    const auto ask = [&] { return ask_doctor(node, "rule-count"); };
    CHECK_FALSE(ask().says("since"));
    CHECK(chainkeeper(node, {"doctor", "--brief", "--check", "rule-count", "--textfile", file.string()}).status == 0);
    CHECK_FALSE(ask().says("since"));
    make_services(place.family, 4);
    run_all(place.family, {{"-D", "FORWARD", "1"}});
    const auto grown = ask();
    CAPTURE(grown.text);
    CHECK(grown.verdict == "ok");
    CHECK(grown.says(" UTC: filter -1, nat +12"));
    run_all(place.family, {{"-t", "nat", "-F"}, {"-F"}});
    CHECK(ask().says(": no rules; since "));
    const std::string looked = "chainkeeper_doctor_last_run_timestamp_seconds ";
    const std::string rules = R"(chainkeeper_rules{backend="nft",family="ipv4",table="nat"} )";
    const std::vector<std::string> all_hostile{"",
                                               "chainkeeper_rules",
                                               looked + "NaN\n",
                                               looked + "1e300\n" + rules + "1\n",
                                               looked + "1e12\n" + rules + "1\n",
                                               rules + "1\n",
                                               looked + "1\nchainkeeper_rules{} 5\n" + rules + "-1\n" + rules +
                                                   "1e400\n"};
    for (const auto& hostile : all_hostile) {
        write_text(file, hostile);
        CAPTURE(hostile);
        CHECK(ask().verdict == "ok");
        CHECK_FALSE(ask().says("since"));
    }
    std::filesystem::remove_all(folder);
}

TEST_CASE("doctor --textfile: where it cannot be written, what is there stays, and it is said")
{
    const Node node;
    const auto fifo = node.folder() / "fifo";
    REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
    for (const auto& path : {fifo, node.folder(), node.folder() / "no" / "folder"}) {
        CAPTURE(path.string());
        const auto before = std::filesystem::status(path).type();
        const auto refused = chainkeeper(node, {"doctor", "--check", "conntrack", "--textfile", path.string()});
        CHECK(refused.status == 2);
        CHECK(refused.output.ends_with("nothing is to be done\n"));
        CHECK(refused.errors.find(path.string()) != std::string::npos);
        CHECK(std::filesystem::status(path).type() == before);
    }
    CHECK(chainkeeper(node, {"doctor", "--list", "--textfile", "a"}).status == 2);
}

}  // namespace chainkeeper::tests
