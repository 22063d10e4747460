// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/await.hpp"
#include "tests/node/booted_node.hpp"

#include <chrono>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

// What a start meets with that is not as it should be. Each ends in a daemon that works and says what it lacks.
namespace chainkeeper::tests {

using namespace std::chrono_literals;
using repair::Family;

namespace {

constexpr const char* policy = "[repair]\nsettle = \"20ms\"\n";

// What has to be put right again, however the case ends.
class Finally {
public:
    explicit Finally(std::function<void()> what) : what_{std::move(what)} {}
    ~Finally() { what_(); }
    Finally(const Finally&) = delete;
    Finally& operator=(const Finally&) = delete;
    Finally(Finally&&) = delete;
    Finally& operator=(Finally&&) = delete;

private:
    std::function<void()> what_;
};

void check_heals(BootedNode& node)
{
    drop_filter_table();
    node.await_healthy();
    CHECK(node.is_active("chainkeeperd"));
}

// /var/lib/chainkeeper is a file system of a few pages.
Finally small_state_directory(BootedNode& node)
{
    node.must_run({"mkdir", "-p", "/var/lib/chainkeeper"});
    node.must_run({"mount", "-t", "tmpfs", "-o", "size=64k,mode=0755", "tmpfs", "/var/lib/chainkeeper"});
    node.must_run({"chown", "chainkeeper:chainkeeper", "/var/lib/chainkeeper"});
    return Finally{[&node] {
        node.systemctl({"stop", "chainkeeperd"});
        node.must_run({"umount", "/var/lib/chainkeeper"});
    }};
}

}  // namespace

TEST_CASE("three crashes in a row, and three more, do not stop the service")
{
    BootedNode node;
    node.extend("chainkeeperd", "[Service]\nRestartSec=1ms\nLimitCORE=0\n");
    node.start_kubelet();
    node.start_daemon(policy);
    for (unsigned crashes = 1; crashes <= 6; ++crashes) {
        node.systemctl({"kill", "--signal=SEGV", "--kill-who=main", "chainkeeperd"});
        await(
            "systemd had restarted chainkeeperd",
            [&] {
                return node.property("chainkeeperd", "NRestarts") == std::to_string(crashes) &&
                       node.is_active("chainkeeperd");
            },
            20ms);
    }
    check_heals(node);
}

TEST_CASE("without kubelet the service waits for it")
{
    BootedNode node;
    node.start_daemon(policy);
    node.await_decisions("wait: kubelet_inactive");
    node.start_kubelet();
    check_heals(node);
}

TEST_CASE("without D-Bus the service says that it does not know whether kubelet runs, and heals when it does")
{
    BootedNode node;
    node.start_kubelet();
    {
        const Finally again{[&] { node.systemctl({"start", "dbus.socket", "dbus.service"}); }};
        node.systemctl({"stop", "dbus.socket", "dbus.service"});
        node.write_policy(policy);
        node.systemctl({"start", "chainkeeperd"});
        node.await_log("systemd cannot be asked what units do");
        drop_filter_table();
        node.await_decision(Family::ipv4, "wait: kubelet_inactive");
        CHECK(node.is_active("chainkeeperd"));
    }
    node.await_healthy();
    await(
        "chainkeeperd was on the bus",
        [&] {
            return node.run({"chainkeeper", "status"}).status == 0;
        },
        50ms);
}

TEST_CASE("without a journal the service works")
{
    BootedNode node;
    const std::vector<std::string> sockets{"systemd-journald.socket", "systemd-journald-dev-log.socket"};
    node.start_kubelet();
    const Finally again{[&] { node.systemctl({"start", sockets[0], sockets[1], "systemd-journald.service"}); }};
    node.systemctl({"stop", "systemd-journald.service", sockets[0], sockets[1]});
    node.must_run({"mv", "/var/log/journal", "/var/log/journal.away"});
    node.must_run({"mv", "/run/log/journal", "/run/log/journal.away"});
    const Finally back{[&] {
        node.must_run({"rm", "-rf", "/var/log/journal", "/run/log/journal"});
        node.must_run({"mv", "/var/log/journal.away", "/var/log/journal"});
        node.must_run({"mv", "/run/log/journal.away", "/run/log/journal"});
    }};
    node.write_policy(policy);
    node.systemctl({"start", "chainkeeperd"});
    CHECK(node.status().at("families").at(0).at("source") != "journal");
    check_heals(node);
}

TEST_CASE("without a package of iptables the service heals, and says what tells it the backend")
{
    BootedNode node;
    node.start_kubelet();
    node.must_run({"mv", "/usr/sbin/xtables-nft-multi", "/usr/sbin/xtables-nft-multi.away"});
    const Finally back{[&] {
        node.must_run({"mv", "/usr/sbin/xtables-nft-multi.away", "/usr/sbin/xtables-nft-multi"});
    }};
    node.start_daemon(policy);
    const auto evidence = node.status().at("backend").at("evidence").get<std::string>();
    CHECK(evidence.find("guarded chains are in nf_tables") != std::string::npos);
    CHECK(evidence.find("iptables -V") == std::string::npos);
    check_heals(node);
}

TEST_CASE("where its state cannot be written, for the file system is read-only, the service works and says so")
{
    BootedNode node;
    node.start_kubelet();
    const auto unmounted = small_state_directory(node);
    node.must_run({"mount", "-o", "remount,ro", "/var/lib/chainkeeper"});
    node.start_daemon(policy);
    check_heals(node);
    node.await_log("Read-only file system");
}

TEST_CASE("where its state cannot be written, for the disk is full, the service works and says so")
{
    BootedNode node;
    node.start_kubelet();
    const auto unmounted = small_state_directory(node);
    CHECK(node.run({"dd", "if=/dev/zero", "of=/var/lib/chainkeeper/ballast", "bs=4k"}).status != 0);
    node.start_daemon(policy);
    check_heals(node);
    node.await_log("No space left on device");
}

TEST_CASE("where its state directory cannot be made systemd says so, and the service starts when it can")
{
    BootedNode node;
    node.start_kubelet();
    node.must_run({"mount", "-t", "tmpfs", "-o", "mode=0755,ro", "tmpfs", "/var/lib"});
    {
        const Finally back{[&] { node.must_run({"umount", "/var/lib"}); }};
        node.write_policy(policy);
        CHECK(node.run({"systemctl", "start", "chainkeeperd"}).status != 0);
        CHECK(node.property("chainkeeperd", "ExecMainStatus") == "238");  // systemd.exec(5): EXIT_STATE_DIRECTORY
        node.must_run({"journalctl", "--sync"});
        const auto said = node.must_run({"journalctl", "--output=cat", "--boot", "UNIT=chainkeeperd.service", "+",
                                         "_SYSTEMD_UNIT=chainkeeperd.service"});
        CHECK(said.find("/var/lib: Read-only file system") != std::string::npos);
    }
    await(
        "chainkeeperd was active", [&] { return node.is_active("chainkeeperd"); }, 50ms);
    check_heals(node);
}

}  // namespace chainkeeper::tests
