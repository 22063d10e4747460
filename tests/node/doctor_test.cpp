// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/await.hpp"
#include "tests/netns/node.hpp"
#include "tests/node/booted_node.hpp"
#include "tests/support/ruleset.hpp"

#include <chrono>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

// `chainkeeper doctor` where systemd and the journal are asked.
namespace chainkeeper::tests {

using namespace std::chrono_literals;

namespace {

struct Seen {
    std::string verdict;
    std::string text;
};

Seen doctor(const BootedNode& node, const std::string& check)
{
    const auto result = node.run({"chainkeeper", "doctor", "--json", "--check", check});
    CAPTURE(result.errors);
    auto json = nlohmann::json::parse(result.output);
    return {.verdict = json.at("verdict"), .text = json.at("checks").at(0).dump()};
}

void check_says(const Seen& seen, const std::string& verdict, const std::string& text)
{
    CAPTURE(seen.text);
    CHECK(seen.verdict == verdict);
    CHECK(seen.text.find(text) != std::string::npos);
}

}  // namespace

TEST_CASE(
    "doctor kubelet-init: an init that failed, why, what becomes of it with chainkeeperd, and a restart of kubelet")
{
    BootedNode node;
    check_says(doctor(node, "kubelet-init"), "not_applicable", "kubelet does not run");
    check_says(doctor(node, "kubelet-chains"), "not_applicable", "kubelet does not run");
    node.start_kubelet("--fail-init ipv4");
    node.must_run({"journalctl", "--sync"});
    const auto failed = doctor(node, "kubelet-init");
    check_says(failed, "critical", "IPv4: kubelet failed to make its chains when it started");
    check_says(failed, "critical", "nowhere");  // the table that iptables complained of
    check_says(failed, "critical", "they are missing");
    check_says(failed, "critical", "IPv6: kubelet made its chains");

    node.start_daemon("[repair]\nsettle = \"50ms\"\n");
    node.await_healthy();
    check_says(doctor(node, "kubelet-init"), "warning", "chainkeeperd alone keeps them");
    check_says(doctor(node, "kubelet-chains"), "ok", "all of kubelet's chains are there");
    node.systemctl({"stop", "chainkeeperd"});
    check_says(doctor(node, "kubelet-init"), "critical", "nobody puts them back");

    node.systemctl({"stop", "kubelet"});
    node.start_kubelet();
    node.must_run({"journalctl", "--sync"});
    check_says(doctor(node, "kubelet-init"), "ok", "IPv4: kubelet made its chains, and watches them");
}

TEST_CASE("doctor kubelet-init: chainkeeperd knows what the journal has no word of any more")
{
    BootedNode node;
    node.start_kubelet("--fail-init ipv4");
    node.start_daemon("[kubelet]\ninit_grace = \"1s\"\n[repair]\nsettle = \"50ms\"\n");
    node.await_healthy();
    node.await_log("kubelet has made its chains, and watches them");
    node.must_run({"journalctl", "--sync"});
    node.must_run({"journalctl", "--rotate"});
    node.must_run({"journalctl", "--vacuum-files=1"});
    const auto known = doctor(node, "kubelet-init");
    check_says(known, "warning", "IPv4: kubelet failed to make its chains when it started");
    check_says(known, "warning", "chainkeeperd alone keeps them");
    check_says(known, "warning", "IPv6: kubelet made its chains, and watches them, as chainkeeperd has read");
    node.systemctl({"stop", "chainkeeperd"});
    // A kubelet that has started a moment ago may still report.
    await(
        "it was past its start",
        [&] { return doctor(node, "kubelet-init").text.find("just started") == std::string::npos; }, 50ms);
    check_says(doctor(node, "kubelet-init"), "unknown", "the journal has no word of kubelet's chains");
}

TEST_CASE("doctor kubelet-chains: asks the daemon where one runs")
{
    BootedNode node;
    node.start_kubelet();
    node.start_daemon("[repair]\nmode = \"dry-run\"\nsettle = \"50ms\"\n");
    node.await_decisions("healthy");
    check_says(doctor(node, "kubelet-chains"), "ok", "ipv4: all of kubelet's chains are there");
    drop_filter_table();
    node.await_log("would_repair: partial_flush");
    const auto broken = doctor(node, "kubelet-chains");
    check_says(broken, "critical", "chainkeeperd decides `would_repair: partial_flush`");
    check_says(broken, "critical", "a hold or a change window forbids it");
    node.systemctl({"stop", "chainkeeperd"});
    node.start_daemon("[repair]\nsettle = \"50ms\"\n");
    node.await_healthy();
    check_says(doctor(node, "kubelet-chains"), "ok", "ipv4: all of kubelet's chains are there");
}

TEST_CASE("doctor kubelet-chains: a kubelet that was told to make no chains")
{
    BootedNode node;
    node.start_kubelet("--make-iptables-util-chains=false");
    check_says(doctor(node, "kubelet-chains"), "not_applicable", "kubelet makes no chains");
    check_says(doctor(node, "kubelet-init"), "not_applicable", "kubelet makes no chains");
}

TEST_CASE("doctor xtables-lock: the units of who holds it and of who waits")
{
    const BootedNode node;
    node.must_run({"systemd-run", "--quiet", "--unit=test-holder", "flock", "/run/xtables.lock", "sleep", "600"});
    await("the lock was taken", [&] { return node.run({"flock", "-n", "/run/xtables.lock", "true"}).status != 0; });
    check_says(doctor(node, "xtables-lock"), "ok", "(flock, of test-holder.service): for 500ms at least, at most ");
    node.must_run({"systemd-run", "--quiet", "--unit=test-waiter", "flock", "/run/xtables.lock", "sleep", "600"});
    const auto waits = [&] { return doctor(node, "xtables-lock").verdict == "warning"; };
    await("somebody waited", waits, 50ms);
    check_says(doctor(node, "xtables-lock"), "warning", "`systemctl status test-holder.service`");
    check_says(doctor(node, "xtables-lock"), "warning", "(flock, of test-waiter.service)");
    node.systemctl({"stop", "test-waiter", "test-holder"});
    CHECK(doctor(node, "xtables-lock").text.find("test-holder") == std::string::npos);
}

TEST_CASE("the unit of doctor sees within its sandbox what a person sees, and the timer has it look again")
{
    BootedNode node;
    const std::string file = "/run/chainkeeper-doctor/chainkeeper-doctor.prom";
    const auto verdicts = [](const std::string& text) {
        std::string found;
        std::istringstream lines{text};
        for (std::string line; std::getline(lines, line);)
            if (line.starts_with("chainkeeper_doctor_verdict{") || line.starts_with("chainkeeper_rules{"))
                found += line + '\n';
        return found;
    };
    const auto compare = [&] {
        node.systemctl({"start", "chainkeeper-doctor.service"});
        const auto result = node.run({"chainkeeper", "doctor", "--textfile", "/run/outside.prom"});
        CAPTURE(result.output);
        CHECK(result.status == 1);
        auto outside = verdicts(node.read("/run/outside.prom"));
        CHECK(outside != "");
        CHECK(verdicts(node.read(file)) == outside);
        return outside;
    };
    node.start_kubelet();
    node.start_daemon("[repair]\nmode = \"dry-run\"\nsettle = \"50ms\"\n");
    node.await_decisions("healthy");
    node.must_run({"journalctl", "--sync"});
    const auto well = compare();
    CHECK(well.find(R"(check="kubelet-chains",verdict="ok"})") != std::string::npos);
    CHECK(well.find(R"(check="kubelet-init",verdict="ok"})") != std::string::npos);
    drop_filter_table();
    node.await_log("would_repair: partial_flush");
    CHECK(compare().find(R"(check="kubelet-chains",verdict="critical"})") != std::string::npos);

    node.must_run({"rm", file});
    const std::string drop_in = "/run/systemd/system/chainkeeper-doctor.timer.d/soon.conf";
    node.write(drop_in, "[Timer]\nOnActiveSec=1ms\nAccuracySec=1ms\n");
    node.systemctl({"daemon-reload"});
    node.systemctl({"start", "chainkeeper-doctor.timer"});
    await(
        "the timer had elapsed",
        [&] {
            return node.run({"test", "-s", file}).status == 0;
        },
        50ms);
    const auto elapses = node.must_run({"systemctl", "show", "--property=TimersMonotonic", "chainkeeper-doctor.timer"});
    CHECK(elapses.find("OnUnitInactiveUSec=5min") != std::string::npos);
    node.systemctl({"stop", "chainkeeper-doctor.timer"});
    node.must_run({"rm", drop_in});
    node.systemctl({"daemon-reload"});
}

TEST_CASE("doctor disruptors: a unit, and a timer, when each last ran, and ok when they are disabled")
{
    BootedNode node;
    check_says(doctor(node, "disruptors"), "ok", "not started by themselves");
    const auto year = node.must_run({"date", "--utc", "+last started, stopped or reloaded at %Y-"});
    node.systemctl({"restart", "iptables"});
    const auto active = doctor(node, "disruptors");
    check_says(active, "warning", "iptables.service: static and active, and rewrites the firewall; ");
    check_says(active, "warning", year.substr(0, year.find('\n')));
    node.systemctl({"stop", "iptables"});
    CHECK(doctor(node, "disruptors").verdict == "ok");

    node.write("/run/systemd/system/test-rules.service",
               "[Service]\nType=oneshot\nExecStart=/usr/sbin/iptables-restore /etc/iptables/rules.v4\n");
    node.write("/run/systemd/system/test-rules.timer", "[Timer]\nOnActiveSec=1ms\nAccuracySec=1ms\n");
    node.systemctl({"daemon-reload"});
    CHECK(doctor(node, "disruptors").verdict == "ok");
    node.systemctl({"start", "test-rules.timer"});
    await(
        "the timer had elapsed",
        [&] { return doctor(node, "disruptors").text.find("; last elapsed at 2") != std::string::npos; }, 50ms);
    check_says(doctor(node, "disruptors"), "warning", "test-rules.timer: static and active");
    node.systemctl({"stop", "test-rules.timer"});
    node.must_run({"rm", "/run/systemd/system/test-rules.timer", "/run/systemd/system/test-rules.service"});
    node.systemctl({"daemon-reload"});
    CHECK(doctor(node, "disruptors").verdict == "ok");
}

}  // namespace chainkeeper::tests
