// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/cni_check.hpp"
#include "daemon/doctor/cni_config.hpp"
#include "daemon/doctor/saved_rules_check.hpp"
#include "daemon/doctor/tools_check.hpp"
#include "tests/unit/doctor_root.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

// The checks of what lies on a node's disk.

using namespace chainkeeper::daemon::doctor;
using chainkeeper::tests::DoctorRoot;
using chainkeeper::tests::says;

namespace {

const ToolsCheck tools;
const CniCheck cni;
const SavedRulesCheck saved_rules;

const std::string conflist =
    R"({"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "bridge", "ipam": {"type": "host-local"}}, )"
    R"({"type": "portmap"}]})";

void install_tools(const DoctorRoot& node)
{
    for (const auto* const tool : {"iptables", "ip6tables", "ipset", "conntrack", "modprobe"})
        node.program(fmt::format("usr/sbin/{}", tool));
}

void install_network(const DoctorRoot& node)
{
    node.write("etc/cni/net.d/10-pods.conflist", conflist);
    for (const auto* const plugin : {"bridge", "host-local", "portmap"})
        node.program(fmt::format("opt/cni/bin/{}", plugin));
}

std::set<std::string> chains_of(std::string_view line)
{
    std::set<std::string> chains;
    add_saved_chains(chains, line);
    return chains;
}

using Chains = std::set<std::string>;

}  // namespace

TEST_CASE("doctor tools: a missing iptables is critical, any other a warning that says what breaks")
{
    const DoctorRoot node;
    install_tools(node);
    CHECK(node.examine(tools).verdict == Verdict::ok);
    CHECK(says(node.examine(tools), "/usr/sbin/iptables"));
    for (const auto* const tool : {"ip6tables", "ipset", "conntrack", "modprobe"}) {
        CAPTURE(tool);
        node.remove(fmt::format("usr/sbin/{}", tool));
        const auto judgement = node.examine(tools);
        CHECK(judgement.verdict == Verdict::warning);
        CHECK(says(judgement, fmt::format("exec: \"{}\": executable file not found", tool)));
        CHECK(judgement.next_step.starts_with("Install "));
        node.program(fmt::format("usr/local/bin/{}", tool));
        CHECK(node.examine(tools).verdict == Verdict::ok);
    }
    node.remove("usr/sbin/iptables");
    CHECK(node.examine(tools).verdict == Verdict::critical);
    CHECK(node.examine(tools).next_step == "Install iptables");
    node.remove("usr");
    CHECK(node.examine(tools).next_step == "Install iptables, ipset, conntrack-tools, kmod");
}

TEST_CASE("doctor tools: as Debian links them; one that cannot be executed does not count")
{
    const DoctorRoot node;
    install_tools(node);
    node.remove("usr/sbin/iptables");
    node.program("usr/sbin/xtables-nft-multi");
    node.link("usr/sbin/iptables-nft", "xtables-nft-multi");
    node.link("etc/alternatives/iptables", "/usr/sbin/iptables-nft");
    node.link("usr/sbin/iptables", "/etc/alternatives/iptables");
    CHECK(node.examine(tools).verdict == Verdict::ok);
    node.remove("usr/sbin/xtables-nft-multi");
    CHECK(node.examine(tools).verdict == Verdict::critical);
    node.remove("usr/sbin/iptables");
    node.write("usr/sbin/iptables", "");
    CHECK(node.examine(tools).verdict == Verdict::critical);
    CHECK(says(node.examine(tools), "/usr/sbin/iptables: cannot be executed"));
    node.remove("usr/sbin/iptables");
    node.link("usr/sbin/iptables", "iptables");
    CHECK(node.examine(tools).verdict == Verdict::unknown);
}

TEST_CASE("doctor cni: the plugins of a configuration")
{
    using Plugins = std::vector<std::string>;
    CHECK(cni_plugins("a.conflist", conflist) == Plugins{"bridge", "host-local", "portmap"});
    CHECK(cni_plugins("a.conf", R"({"type": "ptp", "ipam": {"type": "dhcp"}})") == Plugins{"ptp", "dhcp"});
    CHECK(cni_plugins("a.json", R"({"type": "ptp", "ipam": {}})") == Plugins{"ptp"});
    CHECK(cni_plugins("a.conf", conflist).error() == R"(it has no "type")");
    CHECK(cni_plugins("a.conflist", R"({"plugins": [{"type": "ptp"}]})").error() == R"(it has no "name")");
    CHECK(cni_plugins("a.conflist", R"({"name": 5, "plugins": [{"type": "ptp"}]})").error() == R"(it has no "name")");
    CHECK(cni_plugins("a.conflist", R"({"name": "a", "type": "ptp"})").error() == R"(it has no "plugins")");
    CHECK(cni_plugins("a.conflist", R"({"name": "a", "plugins": [{"type": "ptp"}, {}]})").error() ==
          R"(one of its plugins has no "type")");
    CHECK(cni_plugins("a.conf", "").error() == "it is empty");
    CHECK(cni_plugins("a.conf", " \n").error() == "it is empty");
    CHECK(cni_plugins("a.conf", "[]").error() == "it is JSON, but no object");
    CHECK_FALSE(cni_plugins("a.conf", conflist.substr(0, 60)).has_value());
    CHECK_FALSE(cni_plugins("a.conf", std::string(std::size_t{1} << 20U, '[')).has_value());
    CHECK_FALSE(cni_plugins("a.conf", std::string_view{"\0\xff\xfe", 3}).has_value());
}

TEST_CASE("doctor cni: no configuration is a warning")
{
    const DoctorRoot node;
    CHECK(node.examine(cni).verdict == Verdict::warning);
    node.write("etc/cni/net.d/README", "none");
    node.write("etc/cni/net.d/10-pods.conflist.bak", "none");
    CHECK(node.examine(cni).verdict == Verdict::warning);
    CHECK(says(node.examine(cni), "no configuration"));
    install_network(node);
    CHECK(node.examine(cni).verdict == Verdict::ok);
    CHECK(says(node.examine(cni), "/opt/cni/bin/bridge, /opt/cni/bin/host-local, /opt/cni/bin/portmap"));
}

TEST_CASE("doctor cni: where the container runtime has its networks and plugins")
{
    const DoctorRoot node;
    node.write("etc/cni/net.d/10-pods.conf", R"({"type": "ptp"})");
    CHECK(node.examine(cni).verdict == Verdict::critical);
    const auto has_it = [&](const std::string& folder) {
        node.program(folder + "/ptp");
        const auto judgement = node.examine(cni);
        node.remove(folder + "/ptp");
        return judgement.verdict == Verdict::ok && says(judgement, fmt::format("/{}/ptp", folder));
    };
    for (const auto* const folder : {"opt/cni/bin", "usr/libexec/cni", "usr/lib/cni", "home/kubernetes/bin",
                                     "var/lib/rancher/k3s/data/current/bin"})
        CHECK_MESSAGE(has_it(folder), folder);
    CHECK_FALSE(has_it("srv/cni"));
    node.write("etc/containerd/config.toml",
               "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".cni]\nbin_dir = \"/srv/cni\"\n");
    CHECK(has_it("srv/cni"));
    CHECK(has_it("opt/cni/bin"));
    node.write("etc/containerd/config.toml",
               "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.cni]\nbin_dirs = ['/a', '/srv/cni']\n"
               "conf_dir = '/srv/net.d'\n");
    CHECK(has_it("srv/cni"));
    node.write("srv/net.d/00-other.conf", R"({"type": "bridge"})");
    CHECK(says(node.examine(cni), "/srv/net.d/00-other.conf: the plugin bridge is not in /a"));
    node.remove("srv/net.d");
    node.remove("etc/containerd");
    node.write("etc/crio/crio.conf.d/10-crio.conf", "[crio.network]\nplugin_dirs = [\"/srv/cni\"]\n");
    CHECK(node.examine(cni).verdict == Verdict::critical);
    CHECK(has_it("srv/cni"));
    node.write("etc/containerd/config.toml", "bin_dir = \"/srv\n");
    CHECK(says(node.examine(cni), "/etc/containerd/config.toml: line 1: "));
    node.remove("etc/cni");
    node.write("var/lib/rancher/k3s/agent/etc/cni/net.d/10-flannel.conflist", conflist);
    CHECK(says(node.examine(cni), "/var/lib/rancher/k3s/agent/etc/cni/net.d/10-flannel.conflist"));
}

TEST_CASE("doctor cni: what is wrong with the first configuration is critical, with another a warning")
{
    const DoctorRoot node;
    install_network(node);
    node.write("etc/cni/net.d/20-more.conflist", conflist.substr(0, 60));
    CHECK(node.examine(cni).verdict == Verdict::warning);
    CHECK(says(node.examine(cni), "/etc/cni/net.d/20-more.conflist: it is no valid JSON"));
    node.write("etc/cni/net.d/00-first.conf", "");
    CHECK(node.examine(cni).verdict == Verdict::critical);
    CHECK(says(node.examine(cni), "/etc/cni/net.d/00-first.conf: it is empty"));
    node.remove("etc/cni/net.d/00-first.conf");
    node.link("etc/cni/net.d/00-first.conf", "absent");
    CHECK(node.examine(cni).verdict == Verdict::critical);
    node.remove("etc/cni/net.d/00-first.conf");
    node.remove("etc/cni/net.d/20-more.conflist");
    CHECK(node.examine(cni).verdict == Verdict::ok);
}

TEST_CASE("doctor cni: a plugin that is missing, or cannot be executed, is critical")
{
    const DoctorRoot node;
    install_network(node);
    for (const auto* const plugin : {"bridge", "host-local", "portmap"}) {
        const auto path = fmt::format("opt/cni/bin/{}", plugin);
        node.remove(path);
        CHECK(node.examine(cni).verdict == Verdict::critical);
        CHECK(says(node.examine(cni), fmt::format("the plugin {} is not in /opt/cni/bin", plugin)));
        node.write(path, "");
        CHECK(node.examine(cni).verdict == Verdict::critical);
        CHECK(says(node.examine(cni), fmt::format("/{} cannot be executed", path)));
        node.remove(path);
        node.program(path);
        CHECK(node.examine(cni).verdict == Verdict::ok);
    }
    node.remove("opt/cni/bin/bridge");
    node.program("usr/libexec/cni/bridge");
    CHECK(node.examine(cni).verdict == Verdict::ok);
    CHECK(says(node.examine(cni), "/usr/libexec/cni/bridge"));
    node.write("etc/cni/net.d/10-pods.conflist", R"({"name": "a", "plugins": [{"type": "../../../bin/sh"}]})");
    CHECK(node.examine(cni).verdict == Verdict::critical);
    CHECK(says(node.examine(cni), R"("../../../bin/sh" is no name of a plugin)"));
    node.program("opt/cni/bin/bridge");
    node.write("etc/cni/net.d/10-pods.conflist", R"({"name": "a", "plugins": [{"type": "bridge\u0000d"}]})");
    CHECK(node.examine(cni).verdict == Verdict::critical);
    node.write("etc/cni/net.d/10-pods.conflist",
               fmt::format(R"({{"name": "a", "plugins": [{{"type": "{}"}}]}})", std::string(500000, 'x')));
    CHECK(node.examine(cni).verdict == Verdict::critical);
    CHECK(node.examine(cni).evidence.front().size() < 200);
}

TEST_CASE("doctor cni: what cannot be read is unknown, and so many files are not read")
{
    const DoctorRoot node;
    install_network(node);
    REQUIRE(mkfifo((node.path() / "etc/cni/net.d/00.conf").c_str(), 0600) == 0);
    CHECK(node.examine(cni).verdict == Verdict::unknown);
    CHECK(says(node.examine(cni), "/etc/cni/net.d/00.conf: cannot be read: it is not a regular file"));
    node.remove("etc/cni/net.d/00.conf");
    for (int index = 0; index < 40; ++index)
        node.write(fmt::format("etc/cni/net.d/20-{}.conflist", index), conflist);
    CHECK(node.examine(cni).verdict == Verdict::warning);
    CHECK(node.examine(cni).evidence.size() == 33);
    node.remove("etc/cni");
    node.link("etc/cni", "cni");
    CHECK(node.examine(cni).verdict == Verdict::unknown);
}

TEST_CASE("doctor saved-rules: the chains that a line brings back")
{
    CHECK(chains_of(":KUBE-FIREWALL - [0:0]") == Chains{"KUBE-FIREWALL"});
    CHECK(chains_of("-A KUBE-FIREWALL -j DROP") == Chains{"KUBE-FIREWALL"});
    CHECK(chains_of("[3:180] -A INPUT -j KUBE-FIREWALL") == Chains{"KUBE-FIREWALL"});
    CHECK(chains_of("-A KUBE-SERVICES -g KUBE-SVC-A") == Chains{"KUBE-SERVICES", "KUBE-SVC-A"});
    CHECK(chains_of("\tchain KUBE-FIREWALL {") == Chains{"KUBE-FIREWALL"});
    CHECK(chains_of("\t\tcounter packets 0 bytes 0 jump KUBE-FIREWALL") == Chains{"KUBE-FIREWALL"});
    CHECK(chains_of("add chain ip filter KUBE-FIREWALL") == Chains{"KUBE-FIREWALL"});
    CHECK(chains_of("table ip filter { chain KUBE-A { jump KUBE-B; } }") == Chains{"KUBE-A", "KUBE-B"});
    for (const auto* const line :
         {"", "#:KUBE-FIREWALL - [0:0]", "# -A KUBE-FIREWALL", ":INPUT ACCEPT [0:0]", "-A INPUT -j DROP",
          R"(-A INPUT -m comment --comment "KUBE-FIREWALL was here" -j ACCEPT)", "KUBE-FIREWALL",
          "-A NOT-KUBE-A -j DROP"})
        CHECK_MESSAGE(chains_of(line).empty(), line);
    CHECK(chains_of(":KUBE-" + std::string(5000, 'X')).begin()->size() == 64);
}

TEST_CASE("doctor saved-rules: a saved chain of Kubernetes is a warning that names the file and the chains")
{
    for (const auto* const file :
         {"etc/systemd/scripts/ip4save", "etc/systemd/scripts/ip6save", "etc/iptables/rules.v4",
          "etc/iptables/rules.v6", "etc/sysconfig/iptables", "etc/sysconfig/ip6tables", "etc/nftables.conf",
          "etc/sysconfig/nftables.conf", "etc/nftables.d/10-rules.nft", "etc/nftables/main.conf"}) {
        CAPTURE(file);
        const DoctorRoot node;
        CHECK(node.examine(saved_rules).verdict == Verdict::not_applicable);
        node.write(file, "*filter\n:INPUT DROP [0:0]\n:KUBE-FIREWALL - [0:0]\n-A INPUT -j KUBE-FIREWALL\nCOMMIT\n");
        auto judgement = node.examine(saved_rules);
        CHECK(judgement.verdict == Verdict::warning);
        CHECK(says(judgement, fmt::format("/{}: saved with KUBE- chains (1): KUBE-FIREWALL", file)));
        CHECK(judgement.next_step.find(file) != std::string::npos);
        node.write(file, "*filter\n:INPUT DROP [0:0]\nCOMMIT\n");
        judgement = node.examine(saved_rules);
        CHECK(judgement.verdict == Verdict::ok);
        CHECK(judgement.next_step.empty());
    }
}

TEST_CASE("doctor saved-rules: however many chains there are, few are named")
{
    const DoctorRoot node;
    std::string text;
    for (int index = 0; index < 7; ++index)
        text += fmt::format(":KUBE-SVC-{} - [0:0]\n", index);
    node.write("etc/iptables/rules.v4", text);
    CHECK(
        says(node.examine(saved_rules), "(7): KUBE-SVC-0, KUBE-SVC-1, KUBE-SVC-2, KUBE-SVC-3, KUBE-SVC-4 and 2 more"));
    for (int index = 0; index < 50000; ++index)
        text += fmt::format(":KUBE-SEP-{} - [0:0]\n", index);
    node.write("etc/iptables/rules.v4", text);
    CHECK(says(node.examine(saved_rules), "(1000 or more)"));
    CHECK(node.examine(saved_rules).evidence.front().size() < 200);
}

TEST_CASE("doctor saved-rules: a binary file has no chains, and one that cannot be read is unknown")
{
    const DoctorRoot node;
    std::string binary;
    for (int index = 0; index < 100000; ++index)
        binary += static_cast<char>(index * 7919 >> 3);
    node.write("etc/iptables/rules.v4", binary);
    CHECK(node.examine(saved_rules).verdict == Verdict::ok);
    node.link("etc/iptables/rules.v6", "rules.v6");
    CHECK(node.examine(saved_rules).verdict == Verdict::unknown);
}
