// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/await.hpp"
#include "tests/node/booted_node.hpp"

#include <chrono>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>

// iptables-legacy on a node: from within the unit, as its user.
namespace chainkeeper::tests {

using namespace std::chrono_literals;
using repair::Family;

namespace {

constexpr const char* policy = "[repair]\nsettle = \"20ms\"\nlock_deadline = \"500ms\"\n";

// A node with iptables-legacy's tables. They go with the network namespace alone, so the container is booted anew
// behind it.
class NodeWithLegacy {
public:
    NodeWithLegacy() = default;
    ~NodeWithLegacy() { node_.reboot(); }
    NodeWithLegacy(const NodeWithLegacy&) = delete;
    NodeWithLegacy& operator=(const NodeWithLegacy&) = delete;
    NodeWithLegacy(NodeWithLegacy&&) = delete;
    NodeWithLegacy& operator=(NodeWithLegacy&&) = delete;

    // The node's iptables, and kubelet's from its next start on.
    void choose_legacy()
    {
        for (const auto* const program : {"iptables", "ip6tables"})
            node_.must_run(
                {"update-alternatives", "--quiet", "--set", program, fmt::format("/usr/sbin/{}-legacy", program)});
        node_.extend("kubelet", "[Service]\nEnvironment=IPTABLES=iptables-legacy IP6TABLES=ip6tables-legacy\n");
    }
    BootedNode* operator->() { return &node_; }

    // All that a restart which spares mangle takes.
    void flush_filter()
    {
        node_.must_run({"systemd-run", "--quiet", "--wait", "--collect", "--unit=test-flush", "bash", "-c",
                        "iptables -w -F; iptables -w -X"});
    }
    [[nodiscard]] bool is_whole() const
    {
        const auto has = [this](const std::vector<std::string>& rule) {
            std::vector<std::string> command{"iptables-legacy", "-w", "-C"};
            command.insert(command.end(), rule.begin(), rule.end());
            return node_.run(command).status == 0;
        };
        return has({"INPUT", "-j", "KUBE-FIREWALL"}) && has({"OUTPUT", "-j", "KUBE-FIREWALL"}) &&
               node_.run({"iptables-legacy", "-w", "-S", "KUBE-KUBELET-CANARY"}).status == 0 &&
               node_.must_run({"iptables-legacy", "-w", "-S", "KUBE-FIREWALL"}).find("127.0.0.0/8") !=
                   std::string::npos;
    }
    void await_whole() const
    {
        await(
            "the legacy tables were whole", [this] { return is_whole(); }, 50ms);
    }

private:
    BootedNode node_;
};

// One of which that is the iptables from the beginning.
struct LegacyNode : NodeWithLegacy {
    LegacyNode() { choose_legacy(); }
};

}  // namespace

TEST_CASE("what a flush of iptables-legacy took comes back from within the unit")
{
    LegacyNode node;
    node->start_kubelet();
    node->start_daemon(policy);
    CHECK(node->status().at("backend").at("name") == "legacy");
    const auto lock = node->must_run({"stat", "--format=%a %U:%G", "/run/xtables.lock"});
    CHECK(lock == "640 root:chainkeeper\n");
    for (std::size_t flush = 1; flush <= 3; ++flush) {
        node.flush_filter();
        node->await_decision(Family::ipv4, "repair: partial_flush (", flush);
        node.await_whole();
    }
    CHECK(node->repairs().empty());
}

TEST_CASE("a repair of iptables-legacy's tables waits for the lock, and says who has it")
{
    LegacyNode node;
    node->start_kubelet();
    node->start_daemon(policy);
    node->must_run({"systemd-run", "--quiet", "--collect", "--unit=test-holder", "flock", "/run/xtables.lock", "bash",
                    "-c", "XTABLES_LOCKFILE=/run/other.lock iptables-legacy -D INPUT -j KUBE-FIREWALL; sleep 2"});
    node->await_log("test-holder.service");
    node.await_whole();
}

TEST_CASE("with the drop-in for nf_tables alone the daemon says that it looks nowhere else, and heals there")
{
    LegacyNode node;
    node->must_run({"iptables-legacy", "-S"});
    for (const auto* const program : {"iptables", "ip6tables"})
        node->must_run({"update-alternatives", "--quiet", "--auto", program});
    node->extend("kubelet", "");
    node->install_drop_in("chainkeeperd", "nft-only.conf");
    node->start_kubelet();
    node->start_daemon(policy);
    node->await_log("only nf_tables is looked at");
    drop_filter_table();
    node->await_healthy();
}

TEST_CASE("a node whose iptables is switched is ambiguous until kubelet's next init, and then right")
{
    NodeWithLegacy node;
    node->start_kubelet();
    node->start_daemon(policy);
    node->await_decision(Family::ipv4, "healthy");
    CHECK(node->status().at("backend").at("name") == "nft");
    node.choose_legacy();
    node->await_log("iptables is another one by now");
    drop_filter_table();
    node->await_decision(Family::ipv4, "refuse: backend_ambiguous (");
    CHECK(node->repairs().empty());
    node->systemctl({"stop", "kubelet"});
    node->start_kubelet();
    node->await_log("ipv4: chain KUBE-IPTABLES-HINT is in table mangle of nf_tables too, which kubelet does not use");
    CHECK(node->status().at("backend").at("name") == "legacy");
    node.flush_filter();
    node.await_whole();
    CHECK(node->repairs().empty());
}

TEST_CASE("iptables-legacy-restore writes from within the unit when it is told to")
{
    LegacyNode node;
    node->start_kubelet();
    node->start_daemon(std::string{policy} + "transport = \"iptables-restore\"\n");
    node.flush_filter();
    node.await_whole();
}

}  // namespace chainkeeper::tests
