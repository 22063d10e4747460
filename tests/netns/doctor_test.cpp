// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/conntrack_check.hpp"
#include "daemon/doctor/conntrack_losses.hpp"
#include "daemon/doctor/localnet_guard.hpp"
#include "tests/netns/daemon_process.hpp"
#include "tests/netns/doctor_answer.hpp"
#include "tests/netns/kube_proxy.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/process.hpp"
#include "tests/netns/stand_in.hpp"
#include "tests/netns/well_machine.hpp"
#include "tests/support/command.hpp"
#include "tests/support/environment.hpp"
#include "tests/support/ruleset.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/without_capability.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <linux/capability.h>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <thread>
#include <unistd.h>

// `chainkeeper doctor` where the kernel is asked, and on roots that somebody made to do harm.
namespace chainkeeper::tests {

using repair::Family;

namespace {

const std::string ipv4 = "/proc/sys/net/ipv4/";

#if defined(__SANITIZE_ADDRESS__)
constexpr std::chrono::seconds longest_on_an_idle_node{5};
#else
constexpr std::chrono::seconds longest_on_an_idle_node{1};
#endif

bool has(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

bool has_bridge()
{
    const std::filesystem::directory_iterator devices{"/sys/class/net"};
    return std::ranges::any_of(devices, [](const auto& device) { return exists(device.path() / "bridge"); });
}

// All is well but that br_netfilter may not be loaded where there are bridges, which is the machine's to say.
void check_forwards(const DoctorAnswer& answer)
{
    const bool sees_bridges = std::filesystem::exists("/proc/sys/net/bridge/bridge-nf-call-iptables") || !has_bridge();
    CHECK(answer.verdict == (sees_bridges ? "ok" : "warning"));
    CHECK(answer.status == (sees_bridges ? 0 : 1));
}

void send_datagram()
{
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(9);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the way of the sockets' interface
    CHECK(sendto(socket, "x", 1, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 1);
    close(socket);
}

// The first packets of connections that all want one port for theirs. A second does not get it: the kernel drops it.
void lose_connections()
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(9);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int number = 0; number < 3; ++number) {
        const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the way of the sockets' interface
        CHECK(connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0);
        close(socket);
    }
}

daemon::doctor::ConntrackLosses losses_of_ctnetlink()
{
    const auto seen = daemon::doctor::KernelLossCounters{}.read();
    REQUIRE_MESSAGE(seen.has_value(), seen.error());
    REQUIRE_MESSAGE(seen->losses.has_value(), seen->untold);
    return *seen->losses;
}

std::string why_untold()
{
    const auto seen = daemon::doctor::KernelLossCounters{}.read();
    return seen ? seen->untold : seen.error();
}

std::string guard_stands()
{
    const auto stands = daemon::doctor::KernelLocalnetGuard{}.stands();
    return stands ? (*stands ? "yes" : "no") : stands.error();
}

// What README.md shows of a command: from the line below it to the end of the block.
std::string shown_in_readme(const std::string& command)
{
    const auto text = text_of(README);
    const auto line = fmt::format("$ {}\n", command);
    const auto at = text.find(line);
    REQUIRE(at != std::string::npos);
    const auto begin = at + line.size();
    return text.substr(begin, text.find("```", begin) - begin);
}

// A root with something to make a reader wait, loop, run out of memory or write to a terminal, at each place where
// something is read.
class HostileRoot {
public:
    HostileRoot()
    {
        directory_.write("etc/cni/net.d/00-\x1b[2J\xff.conf", "{\"type\": \"\\u001b[2J\x1b\"}");
        pipe("etc/cni/net.d/01.conf");
        device("etc/cni/net.d/02.conf", 1, 5);  // zero
        link("etc/cni/net.d/03.conf", "03.conf");
        link("etc/cni/net.d/04.conf", "/proc/self/root/etc/shadow");
        pipe("etc/iptables/rules.v4");
        device("etc/iptables/rules.v6", 1, 5);
        directory_.write("etc/nftables.conf", std::string(4096, '\xff') + "\n:KUBE-\x1b[31m\x07 - [0:0]\n");
        directory_.write("etc/sysconfig/iptables", "");
        std::filesystem::resize_file(path() / "etc/sysconfig/iptables", std::uintmax_t{1} << 42U);
        link("etc/sysconfig/ip6tables", "../../../../../../../../etc/shadow");
        pipe("usr/sbin/iptables");
        pipe("etc/crontab");
        device("etc/cron.d/zero", 1, 5);
        link("etc/cron.daily/shadow", "../../../../../../../../etc/shadow");
        pipe("etc/systemd/system/a.timer");
        link("etc/systemd/system/b.timer", "b.timer");
        directory_.write("etc/systemd/system/c.timer", "[Timer]\nUnit=../../../../etc/shadow\n");
        device("etc/systemd/system/c.wants", 1, 5);
        link("usr/bin", "bin");
        pipe("proc/sys/net/netfilter/nf_conntrack_count");
        directory_.write("proc/sys/net/ipv4/ip_forward", "\x1b[1m1");
    }
    [[nodiscard]] const std::filesystem::path& path() const { return directory_.path(); }

private:
    std::filesystem::path place(const std::string& name) const
    {
        std::filesystem::create_directories((path() / name).parent_path());
        return path() / name;
    }
    void pipe(const std::string& name) const { REQUIRE(mkfifo(place(name).c_str(), 0600) == 0); }
    void device(const std::string& name, unsigned major, unsigned minor) const
    {
        REQUIRE(mknod(place(name).c_str(), S_IFCHR | 0666U, makedev(major, minor)) == 0);
    }
    void link(const std::string& name, const std::string& to) const
    {
        std::filesystem::create_symlink(to, place(name));
    }

    TemporaryDirectory directory_;
};

// kube-proxy is asked over loopback, and rules count that.
std::string without_counts(const std::string& ruleset)
{
    return std::regex_replace(ruleset, std::regex{"packets [0-9]+ bytes [0-9]+"}, "");
}

bool is_control(char character)
{
    return (static_cast<unsigned char>(character) < 0x20 && character != '\n') || character == 0x7f;
}

}  // namespace

TEST_CASE("doctor forwarding: ip_forward of the kernel")
{
    const Node node;
    write_text(ipv4 + "ip_forward", "0");
    const auto off = ask_doctor(node, "forwarding");
    CHECK(off.verdict == "critical");
    CHECK(off.status == 1);
    CHECK(has(off.text, "net.ipv4.ip_forward = 0"));
    write_text(ipv4 + "ip_forward", "1");
    check_forwards(ask_doctor(node, "forwarding"));
}

TEST_CASE("doctor forwarding: route_localnet is a hole until KUBE-FIREWALL is there, in whichever backend; nothing is "
          "written")
{
    const Node node{27, each_backend()};
    write_text(ipv4 + "ip_forward", "1");
    write_text(ipv4 + "conf/lo/route_localnet", "1");
    const auto open = ask_doctor(node, "forwarding");
    CHECK(open.verdict == "critical");
    CHECK(has(open.text, "route_localnet = 1 (lo)"));
    CHECK(has(open.text, "CVE-2020-8558"));

    make_once(node);
    const auto before = whole_ruleset();
    const auto guarded = ask_doctor(node, "forwarding");
    check_forwards(guarded);
    CHECK(has(guarded.text, "KUBE-FIREWALL guards it"));
    CHECK(whole_ruleset() == before);

    run_all(Family::ipv4, {{"-D", "INPUT", "-j", "KUBE-FIREWALL"}});
    CHECK(ask_doctor(node, "forwarding").verdict == "critical");
    run_all(Family::ipv4, {{"-I", "INPUT", "-j", "KUBE-FIREWALL"}});
    check_forwards(ask_doctor(node, "forwarding"));
    for (const auto& [chain, verdict] : {std::pair{"INPUT", "ACCEPT"}, std::pair{"INPUT", "RETURN"},
                                         std::pair{"KUBE-FIREWALL", "ACCEPT"}, std::pair{"KUBE-FIREWALL", "RETURN"}}) {
        run_all(Family::ipv4, {{"-I", chain, "-j", verdict}});
        CHECK(ask_doctor(node, "forwarding").verdict == "critical");
        run_all(Family::ipv4, {{"-D", chain, "1"}, {"-A", chain, "-p", "tcp", "-j", verdict}});
        check_forwards(ask_doctor(node, "forwarding"));
    }
    run_all(Family::ipv4, {{"-F", "KUBE-FIREWALL"}});
    CHECK(ask_doctor(node, "forwarding").verdict == "critical");
    write_text(ipv4 + "conf/lo/route_localnet", "0");
    check_forwards(ask_doctor(node, "forwarding"));
}

TEST_CASE("doctor forwarding: what takes packets away before KUBE-FIREWALL opens the hole, unless it drops them")
{
    const Node node{27, each_backend()};
    write_text(ipv4 + "ip_forward", "1");
    write_text(ipv4 + "conf/lo/route_localnet", "1");
    make_once(node);
    run_all(Family::ipv4, {{"-N", "OTHERS"}, {"-A", "OTHERS", "-j", "ACCEPT"}});
    const auto with = [&](const std::vector<std::string>& rule) {
        auto in_the_way = rule;
        in_the_way.insert(in_the_way.begin(), {"-I", "INPUT"});
        run_all(Family::ipv4, {in_the_way});
        auto answer = ask_doctor(node, "forwarding");
        run_all(Family::ipv4, {{"-D", "INPUT", "1"}});
        return answer;
    };
    for (const auto* const how : {"-j", "-g"}) {
        CAPTURE(how);
        CHECK(with({how, "OTHERS"}).verdict == "critical");
        check_forwards(with({"-p", "tcp", how, "OTHERS"}));
    }
    check_forwards(with({"-j", "DROP"}));
    check_forwards(with({"-j", "REJECT"}));
    run_all(Family::ipv4, {{"-R", "OTHERS", "1", "-j", "DROP"}});
    check_forwards(with({"-j", "OTHERS"}));

    // It drops less than kubelet's, which is behind a rule that accepts what is left.
    run_all(Family::ipv4, {{"-I", "KUBE-FIREWALL", "-j", "ACCEPT"},
                           {"-I", "KUBE-FIREWALL", "!", "-s", "127.0.0.0/8", "-d", "127.0.0.0/8", "-m", "conntrack",
                            "--ctstate", "INVALID", "-j", "DROP"}});
    CHECK(ask_doctor(node, "forwarding").verdict == "critical");
    run_all(Family::ipv4, {{"-D", "KUBE-FIREWALL", "2"}});
    check_forwards(ask_doctor(node, "forwarding"));
}

TEST_CASE("doctor forwarding: of the ruleset that may not be looked at nothing is known")
{
    const Node node;
    CHECK(guard_stands() == "no");
    CHECK(has(without_capability(CAP_NET_ADMIN, guard_stands), "CAP_NET_ADMIN"));
    CHECK(without_capability(CAP_NET_RAW, guard_stands) == "no");  // there are no legacy tables to be read
    make_once(node);
    CHECK(guard_stands() == "yes");
    CHECK(without_capability(CAP_NET_RAW, guard_stands) == "yes");
    write_text(ipv4 + "ip_forward", "1");
    write_text(ipv4 + "conf/all/route_localnet", "1");
    // Seen as another root, of which this is not the ruleset.
    const TemporaryDirectory other;
    other.write("proc/sys/net/ipv4/ip_forward", "1");
    other.write("proc/sys/net/ipv4/conf/all/route_localnet", "1");
    other.write("proc/sys/net/bridge/bridge-nf-call-iptables", "1");
    const auto answer = ask_doctor(node, "forwarding", other.path());
    CHECK(answer.verdict == "unknown");
    CHECK(answer.status == 2);
    CHECK(has(answer.text, "another root"));
}

TEST_CASE("doctor forwarding: of legacy tables that may not be read nothing is known")
{
    const Node node{27, IptablesBackend::legacy};
    make_once(node);
    CHECK(guard_stands() == "yes");
    CHECK(has(without_capability(CAP_NET_RAW, guard_stands), "CAP_NET_RAW"));
}

TEST_CASE("doctor conntrack: the kernel's own files are read")
{
    const Node node;
    run_all(Family::ipv4, {{"-A", "INPUT", "-m", "conntrack", "--ctstate", "NEW", "-j", "ACCEPT"}});
    CHECK(has(ask_doctor(node, "conntrack").text, "0 of "));
    send_datagram();
    const auto answer = ask_doctor(node, "conntrack");
    CHECK(answer.verdict == "ok");
    CHECK(answer.status == 0);
    CHECK(has(answer.text, "1 of "));
    CHECK(has(answer.text, "insert_failed = 0, and does not grow"));
}

TEST_CASE("doctor conntrack: ctnetlink tells of the losses what the kernel's file does, and sees them grow without it")
{
    using namespace daemon::doctor;
    const Node node;
    run_all(Family::ipv4, {{"-t", "nat", "-A", "POSTROUTING", "-p", "tcp", "--dport", "9", "-j", "SNAT", "--to-source",
                            "127.0.0.1:4999"},
                           {"-A", "INPUT", "-p", "tcp", "--dport", "9", "-j", "DROP"}});
    CHECK(losses_of_ctnetlink() == ConntrackLosses{});
    lose_connections();
    const auto losses = losses_of_ctnetlink();
    CHECK(losses.insert_failed + losses.drop > 0);
    CHECK(losses == losses_in(text_of("/proc/thread-self/net/stat/nf_conntrack")).value());
    CHECK(has(without_capability(CAP_NET_ADMIN, why_untold), "Operation not permitted"));

    const TemporaryDirectory without_file;
    without_file.write("proc/sys/net/netfilter/nf_conntrack_count", "1");
    without_file.write("proc/sys/net/netfilter/nf_conntrack_max", "100");
    const auto root = Root::open(without_file.path()).value();
    const auto examine = [&] {
        const NoLocalnetGuard guard;
        const KernelRulesets rulesets;
        const KernelLossCounters counters;
        return ConntrackCheck{}.examine({.root = root,
                                         .localnet_guard = guard,
                                         .rulesets = rulesets,
                                         .running_kernel = "none",
                                         .loss_counters = counters});
    };
    std::atomic<bool> is_over = false;
    std::thread clients{[&] {
        while (!is_over) {
            lose_connections();
            std::this_thread::sleep_for(loss_watch / 20);
        }
    }};
    const auto grows = examine();
    is_over = true;
    clients.join();
    CHECK(grows.verdict == Verdict::warning);
    CHECK(std::ranges::any_of(grows.evidence, [](const auto& seen) { return has(seen, "insert_failed grows: "); }));
}

TEST_CASE("doctor saved-rules: what iptables-save and nft save is found, and what an editor has cleaned is not")
{
    const Node node{27, each_backend()};
    make_once(node);
    run_all(Family::ipv4, {{"-A", "INPUT", "-s", "192.0.2.1", "-j", "DROP"}});
    const TemporaryDirectory image;
    const auto saved = must_run(Iptables{}.command(Family::ipv4, "-save"));
    image.write("etc/iptables/rules.v4", saved);
    const auto stale = ask_doctor(node, "saved-rules", image.path());
    CHECK(stale.verdict == "warning");
    CHECK(has(stale.text, "(3): KUBE-FIREWALL, KUBE-IPTABLES-HINT, KUBE-KUBELET-CANARY"));
    image.write("etc/iptables/rules.v4", must_run({"grep", "-v", "KUBE-"}, saved));
    CHECK(ask_doctor(node, "saved-rules", image.path()).verdict == "ok");
    if (node.iptables() == IptablesBackend::legacy)
        return;
    image.write("etc/nftables.conf", must_run({"nft", "list", "ruleset"}));
    CHECK(has(ask_doctor(node, "saved-rules", image.path()).text,
              "/etc/nftables.conf: saved with KUBE- chains (3): KUBE-FIREWALL, KUBE-IPTABLES-HINT"));
}

TEST_CASE("doctor: a hostile root neither stops it nor writes to the terminal, and nothing outside of it is read")
{
    const Node node;
    const HostileRoot root;
    const auto began = std::chrono::steady_clock::now();
    const auto text = chainkeeper(node, {"doctor", "--root", root.path().string()});
    const auto json = chainkeeper(node, {"doctor", "--json", "--root", root.path().string()});
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds{20});
    CHECK(text.status == 1);
    CHECK(json.status == 1);
    for (const auto& result : {text, json}) {
        CHECK(std::ranges::none_of(result.output, is_control));
        CHECK(result.errors.empty());
        CHECK_FALSE(has(result.output, "root:"));
    }
    CHECK(has(text.output, "/etc/cni/net.d/01.conf: cannot be read: it is not a regular file"));
    CHECK(has(text.output, "larger than 256 MiB"));
    CHECK(nlohmann::json::accept(json.output));
}

TEST_CASE("doctor --preflight: an image passes with every module and tool, and fails with the reason without one")
{
    const Node node;
    const WellMachine image;
    const auto preflight = [&] {
        return chainkeeper(node, {"doctor", "--preflight", "--root", image.folder().string()});
    };
    CHECK(preflight().status == 1);
    for (const auto* const tool : {"iptables", "ip6tables"}) {
        write_text(image.folder() / "usr/local/sbin" / tool, "");
        std::filesystem::permissions(image.folder() / "usr/local/sbin" / tool, std::filesystem::perms::owner_all);
    }
    CHECK(preflight().status == 0);
    const auto module = std::filesystem::directory_iterator
    {
        image.folder() / "lib/modules"
        } -> path() / "kernel/xt_comment.ko";
    std::filesystem::remove(module);
    const auto result = preflight();
    CHECK(result.status == 1);
    CHECK(has(result.output, "missing: xt_comment"));
    write_text(module, "");
    CHECK(preflight().status == 0);
}

TEST_CASE(
    "doctor --preflight: an image without a module that its policy requires fails with the reason, and passes with it")
{
    const Node node;
    const WellMachine image;
    for (const auto* const tool : {"iptables", "ip6tables"}) {
        write_text(image.folder() / "usr/local/sbin" / tool, "");
        std::filesystem::permissions(image.folder() / "usr/local/sbin" / tool, std::filesystem::perms::owner_all);
    }
    const auto preflight = [&](std::vector<std::string> more = {}) {
        more.insert(more.begin(), {"doctor", "--preflight", "--root", image.folder().string()});
        return chainkeeper(node, more);
    };
    CHECK(preflight().status == 0);
    const std::string requires_ipvs = "[doctor]\nrequired_modules = [\"ip-vs\"]\n";
    std::filesystem::create_directories(image.folder() / "etc/chainkeeper");
    write_text(image.folder() / "etc/chainkeeper/chainkeeper.toml", requires_ipvs);
    const auto without = preflight();
    CHECK(without.status == 1);
    CHECK(has(without.output, "what the policy requires: missing: ip_vs"));

    const auto modules = std::filesystem::directory_iterator
    {
        image.folder() / "lib/modules"
        } -> path();
    write_text(modules / "kernel/ip_vs.ko", "");
    CHECK(preflight().status == 1);
    write_text(modules / "modules.dep", text_of(modules / "modules.dep") + "kernel/ip_vs.ko:\n");
    const auto with = preflight();
    CHECK(with.status == 0);
    CHECK(has(with.output, "what the policy requires: all there"));
    // That of a file counts in place of the image's.
    write_text(node.folder() / "strict.toml", "[doctor]\nrequired_modules = [\"ip_vs\", \"xt_set\"]\n");
    const auto strict = preflight({"--policy", (node.folder() / "strict.toml").string()});
    CHECK(strict.status == 1);
    CHECK(has(strict.output, "what the policy requires: missing: xt_set"));
}

TEST_CASE("doctor: a machine where all is well has nothing to be done, is told so within a second, and stays as it is")
{
    const Node node{27, each_backend()};
    const WellMachine machine;
    const auto in_use = fmt::format("/usr/sbin/{}", iptables(Family::ipv4));
    std::filesystem::create_symlink(in_use, machine.folder() / "usr/local/sbin/iptables");
    const Variable path{"PATH", fmt::format("/usr/local/sbin:{}", std::getenv("PATH"))};
    make_once(node);
    for (const auto family : repair::all_families)
        make_kube_proxy(family);
    write_text(ipv4 + "ip_forward", "1");
    write_text(ipv4 + "conf/all/route_localnet", "1");
    const auto before = whole_ruleset();
    const auto began = std::chrono::steady_clock::now();
    const auto result = machine.chainkeeper(node, {"doctor"});
    const auto took = std::chrono::steady_clock::now() - began;
    CAPTURE(result.output);
    CHECK(result.status == 0);
    CHECK(has(result.output, "first     nothing is to be done"));
    CHECK(result.errors.empty());
    CHECK(without_counts(whole_ruleset()) == without_counts(before));
    CHECK(took < longest_on_an_idle_node);
}

TEST_CASE("doctor: README shows what is said of a node whose firewall was restarted, and after that is well again")
{
    const Node node;
    make_once(node);
    make_kube_proxy(Family::ipv4);
    const std::string command =
        "chainkeeper doctor --check kubelet-chains --check kube-proxy-chains --check rule-corruption";
    const auto ask = [&] {
        return chainkeeper(node, {"doctor", "--check", "kubelet-chains", "--check", "kube-proxy-chains", "--check",
                                  "rule-corruption"});
    };
    CHECK(ask().status == 0);
    flush_filter(Family::ipv4);
    const auto broken = ask();
    CHECK(broken.status == 1);
    CHECK(shown_in_readme(command) == broken.output);
    CHECK(chainkeeper(node, {"repair", "--assume-monitor", "alive"}).status == 0);
    make_kube_proxy_filter(Family::ipv4);
    CHECK(ask().status == 0);
}

TEST_CASE("doctor: exit codes, and what is refused")
{
    const Node node;
    const TemporaryDirectory image;
    const auto doctor = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "doctor");
        return chainkeeper(node, arguments);
    };
    const auto on_image = [&](const std::string& check) {
        return doctor({"--check", check, "--root", image.path().string()}).status;
    };
    CHECK(on_image("saved-rules") == 0);
    image.write("etc/iptables/rules.v4", ":KUBE-FIREWALL - [0:0]\n");
    CHECK(on_image("saved-rules") == 1);
    image.write("etc/iptables/rules.v4", "");
    CHECK(on_image("saved-rules") == 0);
    std::filesystem::create_directory(image.path() / "etc/nftables.conf");
    CHECK(on_image("saved-rules") == 2);
    const auto list = doctor({"--list"});
    CHECK(list.status == 0);
    CHECK(list.output.starts_with("kubelet-chains "));
    CHECK(nlohmann::json::parse(doctor({"--list", "--json"}).output).at(0).at("name") == "kubelet-chains");
    CHECK(doctor({"--check", "nothing"}).status == 2);
    CHECK(doctor({"--list", "--check", "cni"}).status == 2);
    CHECK(doctor({"--preflight", "--check", "cni"}).status == 2);
    CHECK(doctor({"--root", "/nonexistent"}).status == 2);
    CHECK(has(doctor({"--json", "--root", "/nonexistent"}).output, R"("error": "/nonexistent: cannot be read)"));
    const auto two = nlohmann::json::parse(doctor({"--json", "--check", "cni", "--check", "tools"}).output);
    CHECK(two.at("checks").size() == 2);
}

}  // namespace chainkeeper::tests
