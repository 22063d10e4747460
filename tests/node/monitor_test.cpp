// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/node/booted_node.hpp"

#include "tests/netns/await.hpp"
#include "tests/netns/node.hpp"
#include "tests/support/kubelet.hpp"
#include "tests/support/ruleset.hpp"

#include <atomic>
#include <chrono>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <thread>

// What is known of kubelet from systemd and from its journal, and what follows from it.
namespace chainkeeper::tests {

using namespace std::chrono_literals;
using repair::all_families;
using repair::Family;

namespace {

constexpr const char* failed_to_initialise = "Failed to initialize iptables rules";

std::string kubelet_log(const BootedNode& node)
{
    return node.must_run({"journalctl", "--output=cat", "--unit=kubelet",
                          "_SYSTEMD_INVOCATION_ID=" + node.property("kubelet", "InvocationID")});
}

// As a program that restarts the firewall while kubelet starts.
class FlushLoop {
public:
    explicit FlushLoop(Family family) : thread_{[this, family] { run(family); }} {}
    ~FlushLoop() { stop(); }
    FlushLoop(const FlushLoop&) = delete;
    FlushLoop& operator=(const FlushLoop&) = delete;
    FlushLoop(FlushLoop&&) = delete;
    FlushLoop& operator=(FlushLoop&&) = delete;

    void stop()
    {
        stopping_ = true;
        if (thread_.joinable())
            thread_.join();
    }

private:
    void run(Family family)
    {
        Flush flush;
        while (!stopping_) {
            flush(family);
            std::this_thread::sleep_for(1ms);
        }
    }

    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

void opted_out(const std::string& arguments)
{
    BootedNode node;
    node.write("/etc/kubelet.yaml", "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
                                    "makeIPTablesUtilChains: false\n");
    node.start_daemon("[kubelet]\ninit_grace = \"500ms\"\n[repair]\nsettle = \"50ms\"\n");
    node.start_kubelet(arguments);
    node.await_decisions("kubelet makes no chains here");
    for (const auto family : all_families)
        run_all(family, {{"-N", "SOMETHING"}, {"-A", "INPUT", "-j", "SOMETHING"}});
    flush_everything();
    node.systemctl({"restart", "chainkeeperd"});
    CHECK(node.stays_untouched(1500ms));
    CHECK(node.repairs().empty());
    CHECK(node.status().at("kubelet").at("opted_out") == true);
}

}  // namespace

TEST_CASE("what a kubelet newer than all that is known does not make when it is nudged is not made for it")
{
    BootedNode node;
    node.start_daemon("[kubelet]\nmonitor_interval = \"1s\"\n[repair]\nsettle = \"100ms\"\n");
    node.start_kubelet("--version 1.99 --reported-version v1.99.0 --monitor-interval 1 --flush-wait 0.5");
    node.await_log(
        "ipv4: kubelet, which is newer than what is known of it, does not make: filter INPUT -j KUBE-FIREWALL; "
        "filter KUBE-FIREWALL; filter OUTPUT -j KUBE-FIREWALL");
    node.await_decision(Family::ipv4, "healthy");
    node.systemctl({"restart", "chainkeeperd"});
    node.await_decision(Family::ipv4, "healthy", 2);
    CHECK(node.stays_untouched(2s));
    CHECK(node.repairs().size() == 2);
    for (const auto& repair : node.repairs())
        CHECK_FALSE(repair.adds_chain({Family::ipv4, "filter", "KUBE-FIREWALL"}));
}

TEST_CASE("kubelet whose first init failed in a family has no Monitor there, and all comes from the daemon")
{
    BootedNode node;
    node.start_daemon("[repair]\nsettle = \"100ms\"\n");
    node.start_kubelet("--fail-init ipv4");
    node.await_healthy();
    node.await_decision(Family::ipv4, "repair: no_monitor (");
    CHECK(node.repairs().size() == 1);
    flush_everything();
    node.await_decision(Family::ipv4, "repair: no_monitor (", 2);
    node.await_decision(Family::ipv6, "repair: assist (");
    node.await_assisted();
    CHECK(node.examine(Family::ipv4).healthy());
    CHECK(node.examine(Family::ipv6).mangle_canary_missing());
    CHECK(node.status().at("families").at(0).at("source") == "journal");
}

TEST_CASE("a first init that loses the race with a flush is healed for good")
{
    BootedNode node;
    node.start_daemon("[repair]\nsettle = \"100ms\"\nsettle_deadline = \"60s\"\n");
    {
        const FlushLoop flushes{Family::ipv4};
        node.start_kubelet();
    }
    REQUIRE(kubelet_log(node).find(std::string{failed_to_initialise} +
                                   "; some functionality may be missing.\" protocol=\"IPv4\"") != std::string::npos);
    node.await_decision(Family::ipv4, "repair: no_monitor (");
    node.await_healthy();
}

TEST_CASE("a Monitor that has gone silent is waited for until its deadline")
{
    BootedNode node;
    node.start_daemon("[kubelet]\nmonitor_interval = \"1s\"\n[repair]\nsettle = \"100ms\"\n");
    node.start_kubelet("--monitor-interval 1 --silence /run/kubelet-silent");
    node.write("/run/kubelet-silent", "");
    const auto flushed = std::chrono::steady_clock::now();
    flush_everything();
    node.await_decisions("repair: assist (");
    node.await_assisted();
    node.await_decisions("repair: monitor_silent (");
    node.await_healthy();
    // Its interval, its wait for a whole flush, and the slack.
    CHECK(std::chrono::steady_clock::now() - flushed >= 1s + 5s + 10s);
    CHECK(node.repairs().size() == 4);
}

TEST_CASE("nothing is written while kubelet is stopped, and what is missing comes back when it has started")
{
    BootedNode node;
    node.start_daemon("[repair]\nsettle = \"100ms\"\n");
    node.start_kubelet();
    node.systemctl({"stop", "kubelet"});
    flush_everything();
    node.await_decisions("wait: kubelet_inactive");
    CHECK(node.stays_untouched(1s));
    CHECK(node.repairs().empty());
    node.start_kubelet("--fail-init ipv4");
    node.await_decision(Family::ipv4, "repair: no_monitor (");
    node.await_healthy();
}

TEST_CASE("nothing is ever written for a kubelet that opted out on its command line")
{
    opted_out("--make-iptables-util-chains=false");
}

TEST_CASE("nothing is ever written for a kubelet that opted out in its file")
{
    opted_out("--config=/etc/kubelet.yaml");
}

}  // namespace chainkeeper::tests
