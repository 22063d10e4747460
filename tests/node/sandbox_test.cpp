// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/await.hpp"
#include "tests/node/booted_node.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sstream>

// The unit's sandbox: what it refuses, and what the daemon can do in it all the same.
namespace chainkeeper::tests {

using namespace std::chrono_literals;
using repair::Family;

namespace {

constexpr const char* policy = "[repair]\nsettle = \"20ms\"\n";
// Where the unit lets programs be executed.
constexpr const char* probe = "/usr/local/libexec/chainkeeper/sandbox-probe";

void install_probe(const BootedNode& node)
{
    std::filesystem::copy_file(SANDBOX_PROBE, node.file(probe), std::filesystem::copy_options::overwrite_existing);
}

// What it printed, by lines: tests/node/sandbox_probe.cpp.
std::vector<std::string> lines_of(const std::string& text)
{
    std::vector<std::string> lines;
    std::istringstream stream{text};
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

// As the main program of a unit of ours, which is a service without that program's life cycle then.
std::vector<std::string> probed_within(const BootedNode& node, const std::string& unit)
{
    node.extend(unit,
                fmt::format("[Service]\nType=oneshot\nRestart=no\nWatchdogSec=0\nExecStart=\nExecStart={}\n", probe));
    node.systemctl({"start", unit});
    node.must_run({"journalctl", "--sync"});
    return lines_of(node.must_run({"journalctl", "--output=cat", fmt::format("_SYSTEMD_UNIT={}.service", unit),
                                   "SYSLOG_IDENTIFIER=sandbox-probe"}));
}

bool is_done(const std::string& line)
{
    return line.ends_with(": done");
}

void check_refuses_all(const std::vector<std::string>& lines, std::size_t expected)
{
    CHECK(lines.size() == expected);
    for (const auto& line : lines) {
        CAPTURE(line);
        CHECK_FALSE(is_done(line));
    }
}

// The unified view of a process's credentials: /proc/PID/status.
std::string credential(const BootedNode& node, const std::string& name)
{
    const auto status = node.read(fmt::format("/proc/{}/status", node.property("chainkeeperd", "MainPID")));
    for (const auto& line : lines_of(status))
        if (line.starts_with(name + ":\t"))
            return line.substr(name.size() + 2);
    return "?";
}

}  // namespace

TEST_CASE("what the sandbox refuses can be done outside of it, and in no unit of ours")
{
    BootedNode node;
    install_probe(node);
    // A socket that its owner and the group of root may use, as that of a container runtime.
    node.must_run({"systemd-run", "--quiet", "--unit=test-runtime", "--socket-property=SocketMode=0660",
                   "--socket-property=ListenStream=/run/containerd/containerd.sock", "sleep", "infinity"});
    const auto outside = lines_of(node.must_run({probe}));
    REQUIRE(outside.size() == 16);
    for (const auto& line : outside) {
        CAPTURE(line);
        CHECK(is_done(line));
    }
    node.start_daemon(policy);  // which a hold asks for
    for (const auto* const unit : {"chainkeeper-hold@1h", "chainkeeper-recheck", "chainkeeperd"}) {
        CAPTURE(unit);
        node.systemctl({"stop", unit});
        check_refuses_all(probed_within(node, unit), outside.size());
    }
    node.systemctl({"stop", "test-runtime.socket", "test-runtime.service"});
}

TEST_CASE("the daemon is a user of its own with two capabilities, and those that the drop-ins give and take")
{
    BootedNode node;
    constexpr unsigned net_admin = 12;
    constexpr unsigned net_raw = 13;
    constexpr unsigned audit_read = 37;
    const auto capabilities = [](auto... bits) { return fmt::format("{:016x}", ((1ULL << bits) | ...)); };
    const auto check = [&](const std::string& expected) {
        for (const auto* const set : {"CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
            CAPTURE(set);
            CHECK(credential(node, set) == expected);
        }
        CHECK(credential(node, "NoNewPrivs") == "1");
    };
    node.start_daemon(policy);
    const auto user = node.must_run({"id", "--user", "chainkeeper"});
    CHECK(credential(node, "Uid").starts_with(user.substr(0, user.size() - 1) + '\t'));
    check(capabilities(net_admin, net_raw));
    node.install_drop_in("chainkeeperd", "audit.conf");
    node.systemctl({"restart", "chainkeeperd"});
    check(capabilities(net_admin, net_raw, audit_read));
    node.install_drop_in("chainkeeperd", "nft-only.conf");
    node.systemctl({"restart", "chainkeeperd"});
    check(capabilities(net_admin, audit_read));
}

TEST_CASE("where the processes of others are hidden the daemon says that it cannot tell its network namespace")
{
    BootedNode node;
    node.extend("chainkeeperd", "[Service]\nSupplementaryGroups=\nSupplementaryGroups=systemd-journal\n");
    node.start_kubelet();
    node.start_daemon(policy);
    node.await_log("process 1 cannot be seen");
    CHECK(node.is_active("chainkeeperd"));
}

TEST_CASE("in a network namespace of its own the service refuses to start, unless it is told to")
{
    BootedNode node;
    node.extend("chainkeeperd", "[Service]\nPrivateNetwork=yes\nRestartSec=1ms\n");
    node.write_policy(policy);
    CHECK(node.run({"systemctl", "start", "chainkeeperd"}).status != 0);
    CHECK(node.property("chainkeeperd", "ExecMainStatus") == "3");
    CHECK(node.property("chainkeeperd", "ActiveState") == "failed");
    CHECK(node.property("chainkeeperd", "NRestarts") == "0");
    node.await_log("this is not the network namespace of process 1");
    node.extend("chainkeeperd", "[Service]\nPrivateNetwork=yes\nExecStart=\n"
                                "ExecStart=/usr/local/libexec/chainkeeper/chainkeeperd --any-network-namespace\n");
    node.systemctl({"start", "chainkeeperd"});
}

TEST_CASE("a file of kubelet's that only root may read is named, and nothing is written before its chains were seen")
{
    BootedNode node;
    node.write("/var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\nmakeIPTablesUtilChains: false\n");
    node.must_run({"chmod", "0700", "/var/lib/kubelet"});
    node.start_daemon("[kubelet]\ninit_grace = \"500ms\"\n[repair]\nsettle = \"20ms\"\n");
    node.start_kubelet("--config=/var/lib/kubelet/config.yaml");
    node.await_log("/var/lib/kubelet/config.yaml: cannot be read");
    CHECK(node.stays_untouched(1500ms));
    CHECK(node.repairs().empty());
}

TEST_CASE("the daemon writes with the node's own iptables-restore when it is told to")
{
    BootedNode node;
    node.start_kubelet();
    node.start_daemon(std::string{policy} + "transport = \"iptables-restore\"\n");
    drop_filter_table();
    node.await_healthy();
    CHECK(node.repairs().empty());
    CHECK(node.watch().heard_of("iptables-nft-re").size() == 1);
    CHECK(node.status().at("backend").at("evidence").get<std::string>().find("iptables -V says nft") !=
          std::string::npos);
}

}  // namespace chainkeeper::tests
