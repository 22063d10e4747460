// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/await.hpp"
#include "tests/netns/daemon_process.hpp"
#include "tests/netns/doctor_answer.hpp"
#include "tests/netns/kube_proxy.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/process.hpp"
#include "tests/netns/stand_in.hpp"
#include "tests/support/command.hpp"
#include "tests/support/environment.hpp"
#include "tests/support/ruleset.hpp"
#include "tests/support/temporary_directory.hpp"

#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <string>
#include <vector>

// The checks of `chainkeeper doctor` that read whole rulesets: the fault is made with iptables, seen, mended, and gone.
namespace chainkeeper::tests {

using repair::Family;

namespace {

using Commands = std::vector<std::vector<std::string>>;

std::string service = "KUBE-SVC-NPX46M4PTMTKRN6Y";

// Makes a fault, has it found, and mends it: then all is well again.
struct Fault {
    Commands make;
    std::string verdict;
    std::string said;
    Commands mend;
};

void check_faults(const Node& node, Family family, const std::string& check, const std::vector<Fault>& faults)
{
    CHECK(ask_doctor(node, check).verdict == "ok");
    for (const auto& fault : faults) {
        CAPTURE(fault.said);
        run_all(family, fault.make);
        const auto answer = ask_doctor(node, check);
        CAPTURE(answer.text);
        CHECK(answer.verdict == fault.verdict);
        CHECK(answer.status == 1);
        CHECK(answer.says(fault.said));
        run_all(family, fault.mend);
        CHECK(ask_doctor(node, check).verdict == "ok");
    }
}

}  // namespace

TEST_CASE("doctor: a node where kubelet and kube-proxy are well passes what looks at rulesets, and nothing is written")
{
    const Node node{27, each_backend()};
    make_once(node);
    for (const auto family : repair::all_families)
        make_kube_proxy(family);
    const auto before = whole_ruleset();
    for (const auto* const check : {"kube-proxy-chains", "rule-corruption", "rule-count"}) {
        const auto answer = ask_doctor(node, check);
        CAPTURE(answer.text);
        CHECK(answer.verdict == "ok");
        CHECK(answer.status == 0);
    }
    CHECK(whole_ruleset() == before);
}

TEST_CASE("doctor kube-proxy-chains: what is missing, empty, not reached, stale or there twice")
{
    const auto place = each_place();
    const Node node{27, place.iptables};
    make_kube_proxy(place.family);
    const std::vector<std::string> jump{
        "PREROUTING", "-t", "nat", "-m", "comment", "--comment", "kubernetes service portals", "-j", "KUBE-SERVICES"};
    const auto with = [&](const std::string& action) {
        std::vector<std::string> arguments{action};
        arguments.insert(arguments.end(), jump.begin(), jump.end());
        return arguments;
    };
    check_faults(node, place.family, "kube-proxy-chains",
                 {
                     {.make = {with("-D")},
                      .verdict = "critical",
                      .said = "nat KUBE-SERVICES: no jump from PREROUTING",
                      .mend = {with("-I")}},
                     {.make = {{"-t", "filter", "-D", "FORWARD", "3"}},
                      .verdict = "critical",
                      .said = "filter KUBE-FORWARD: nothing leads to it",
                      .mend = {{"-A", "FORWARD", "-j", "KUBE-FORWARD"}}},
                     {.make = {{"-t", "nat", "-F", "KUBE-SEP-AAAAAAAAAAAAAAAA"}},
                      .verdict = "critical",
                      .said = "packets are sent to chains without a rule: KUBE-SEP-AAAAAAAAAAAAAAAA",
                      .mend = {{"-t", "nat", "-A", "KUBE-SEP-AAAAAAAAAAAAAAAA", "-j", "KUBE-MARK-MASQ"}}},
                     {.make = {{"-t", "nat", "-N", "KUBE-SVC-STALE"}},
                      .verdict = "warning",
                      .said = "nothing leads to 1 of 5 chains for Services: KUBE-SVC-STALE",
                      .mend = {{"-t", "nat", "-X", "KUBE-SVC-STALE"}}},
                     {.make = {with("-D"), {"-t", "nat", "-I", "PREROUTING", "-p", "tcp", "-j", "KUBE-SERVICES"}},
                      .verdict = "critical",
                      .said = "nat KUBE-SERVICES: no jump from PREROUTING",
                      .mend = {{"-t", "nat", "-D", "PREROUTING", "1"}, with("-I")}},
                     {.make = {{"-t", "nat", "-I", "PREROUTING", "-j", "ACCEPT"}},
                      .verdict = "critical",
                      .said = "nat KUBE-SERVICES: before it PREROUTING accepts every packet",
                      .mend = {{"-t", "nat", "-D", "PREROUTING", "1"}}},
                     {.make = {with("-I")},
                      .verdict = "warning",
                      .said = "rules stand there more than once: nat PREROUTING (1)",
                      .mend = {with("-D")}},
                     {.make = {{"-I", "FORWARD", "-j", "REJECT"}},
                      .verdict = "critical",
                      .said = "filter KUBE-FORWARD: before it FORWARD rejects every packet",
                      .mend = {{"-D", "FORWARD", "1"}}},
                     {.make = {{"-N", "DOCKER-USER"},
                               {"-A", "DOCKER-USER", "-j", "DROP"},
                               {"-I", "FORWARD", "-j", "DOCKER-USER"}},
                      .verdict = "critical",
                      .said = "filter KUBE-FORWARD: before it DOCKER-USER drops every packet",
                      .mend = {{"-I", "DOCKER-USER", "-p", "tcp", "-j", "RETURN"}}},
                     {.make = {{"-R", "DOCKER-USER", "1", "-p", "tcp", "-j", "ACCEPT"}},
                      .verdict = "warning",
                      .said = "filter KUBE-FORWARD: before it DOCKER-USER drops every packet that it has not accepted",
                      .mend = {{"-R", "DOCKER-USER", "1", "-p", "tcp", "-j", "RETURN"}}},
                     {.make = {{"-D", "DOCKER-USER", "1"}, {"-R", "DOCKER-USER", "1", "-j", "ACCEPT"}},
                      .verdict = "warning",
                      .said = "filter KUBE-FORWARD: before it DOCKER-USER accepts every packet, invalid ones too",
                      .mend = {{"-F", "DOCKER-USER"}}},
                     {.make = {{"-I", "FORWARD", "-g", "DOCKER-USER"}},
                      .verdict = "critical",
                      .said = "filter KUBE-FORWARD: before it FORWARD sends elsewhere every packet",
                      .mend = {{"-D", "FORWARD", "1"}, {"-D", "FORWARD", "1"}}},
                     {.make = {{"-t", "nat", "-F", "KUBE-MARK-MASQ"}},
                      .verdict = "critical",
                      .said = "packets are sent to chains without a rule: KUBE-MARK-MASQ",
                      .mend = {{"-t", "nat", "-A", "KUBE-MARK-MASQ", "-j", "MARK", "--or-mark", "0x4000"}}},
                     {.make = {{"-t", "nat", "-D", "KUBE-POSTROUTING", "3"}},
                      .verdict = "critical",
                      .said = "nat KUBE-POSTROUTING: no rule masquerades",
                      .mend = {{"-t", "nat", "-A", "KUBE-POSTROUTING", "-j", "MASQUERADE", "--random-fully"}}},
                     {.make = {{"-D", "FORWARD", "1"}},
                      .verdict = "warning",
                      .said = "filter KUBE-PROXY-FIREWALL: nothing leads to it",
                      .mend = {{"-I", "FORWARD", "-j", "KUBE-PROXY-FIREWALL"}}},
                     {.make = {{"-D", "FORWARD", "1"}, {"-A", "KUBE-PROXY-FIREWALL", "-p", "tcp", "-j", "DROP"}},
                      .verdict = "critical",
                      .said = "filter KUBE-PROXY-FIREWALL: nothing leads to it",
                      .mend = {{"-I", "FORWARD", "-j", "KUBE-PROXY-FIREWALL"}}},
                 });
}

TEST_CASE("doctor kube-proxy-chains: what others repeat, and NodePorts that nobody wants, are no fault of kube-proxy's")
{
    const auto place = each_place();
    const Node node{27, place.iptables};
    make_kube_proxy(place.family);
    for (int twice = 0; twice < 2; ++twice)
        run_all(place.family, {{"-A", "INPUT", "-p", "tcp", "-j", "ACCEPT"}});
    run_all(place.family, {{"-t", "nat", "-F", "KUBE-NODEPORTS"},
                           {"-t", "nat", "-F", "KUBE-EXT-NPX46M4PTMTKRN6Y"},
                           {"-t", "nat", "-X", "KUBE-EXT-NPX46M4PTMTKRN6Y"}});
    must_run({"sh", "-c",
              fmt::format("{0} -t nat -S KUBE-SERVICES | grep KUBE-NODEPORTS | sed 's/^-A/-D/' | xargs {0} -t nat",
                          iptables(place.family))});
    const auto answer = ask_doctor(node, "kube-proxy-chains");
    CAPTURE(answer.text);
    CHECK(answer.verdict == "ok");
}

TEST_CASE("doctor kube-proxy-chains: a map of verdicts may send packets back, and a quota is not for all of them")
{
    const auto family = each_family();
    const std::string ip = family == Family::ipv4 ? "ip" : "ip6";
    const Node node;
    make_kube_proxy(family);
    run_all(family, {{"-N", "WEB"}, {"-I", "FORWARD", "-j", "WEB"}});
    nft_script(fmt::format("add rule {0} filter WEB tcp dport vmap {{ 80 : return, 443 : return }}\n"
                           "add rule {0} filter WEB drop",
                           ip));
    CHECK(ask_doctor(node, "kube-proxy-chains").verdict == "ok");
    nft_script(fmt::format("flush chain {0} filter WEB\nadd rule {0} filter WEB drop", ip));
    CHECK(ask_doctor(node, "kube-proxy-chains").says("before it WEB drops every packet"));
    nft_script(fmt::format("flush chain {0} filter WEB\nadd quota {0} filter much {{ over 100 mbytes; }}\n"
                           "add rule {0} filter WEB quota name \"much\" drop",
                           ip));
    CHECK(ask_doctor(node, "kube-proxy-chains").verdict == "ok");
}

// Adds to a set of nf_tables' inet family and takes it out again, a transaction each, until it is destroyed.
Process writer_of_set(const std::string& set)
{
    nft_script(fmt::format("add table inet other\nadd set inet other {} {{ type ipv4_addr; }}", set));
    return Process{{.arguments = {"sh", "-c",
                                  fmt::format("while nft add element inet other {0} '{{ 192.0.2.1 }}' && "
                                              "nft delete element inet other {0} '{{ 192.0.2.1 }}'; do :; done",
                                              set)}}};
}

TEST_CASE("doctor: a ruleset is read beside those who change another family all the time")
{
    const Node node;
    make_once(node);
    make_kube_proxy(Family::ipv4);
    make_services(Family::ipv4, 10'000);
    const std::string route_localnet = "/proc/sys/net/ipv4/conf/lo/route_localnet";
    write_text(route_localnet, "1");
    const auto first = writer_of_set("first");
    const auto second = writer_of_set("second");
    const auto idle = generation();
    await("it was being written", [&] { return generation() > idle; });
    const auto before = generation();
    const auto answer = ask_doctor(node, "rule-corruption");
    CAPTURE(answer.text);
    CHECK(answer.verdict == "ok");
    CHECK(ask_doctor(node, "forwarding").says("KUBE-FIREWALL guards it"));
    CHECK(generation() > before);
    write_text(route_localnet, "0");
}

TEST_CASE("doctor kube-proxy-chains: a flush that took most of them, and one that took all")
{
    const auto place = each_place();
    const Node node{27, place.iptables};
    make_once(node);
    CHECK(ask_doctor(node, "kube-proxy-chains").verdict == "not_applicable");
    make_kube_proxy(place.family);
    run_all(place.family, {{"-t", "nat", "-F"}, {"-t", "nat", "-X"}});
    const auto flushed = ask_doctor(node, "kube-proxy-chains");
    CHECK(flushed.verdict == "critical");
    CHECK(flushed.says("nat KUBE-SERVICES is missing"));
    CHECK(flushed.says("Restart kube-proxy"));

    flush_everything();
    CHECK(ask_doctor(node, "kube-proxy-chains").verdict == "not_applicable");
    const TemporaryDirectory programs;
    std::filesystem::copy_file("/usr/bin/sleep", programs.path() / "kube-proxy");
    {
        const Process kube_proxy{{.arguments = {(programs.path() / "kube-proxy").string(), "600"}}};
        await("it was kube-proxy",
              [&] { return text_of(fmt::format("/proc/{}/comm", kube_proxy.pid())) == "kube-proxy\n"; });
        const auto bare = ask_doctor(node, "kube-proxy-chains");
        CHECK(bare.verdict == "critical");
        CHECK(bare.says(fmt::format("kube-proxy runs (process {}), and has not one chain", kube_proxy.pid())));
        make_kube_proxy(place.family);
        CHECK(ask_doctor(node, "kube-proxy-chains").verdict == "ok");
        flush_everything();
    }
    CHECK(ask_doctor(node, "kube-proxy-chains").verdict == "not_applicable");
    // That of another node, in a container beside this one.
    const Process others{{.arguments = {"unshare", "--net", (programs.path() / "kube-proxy").string(), "600"}}};
    await("it was kube-proxy", [&] { return text_of(fmt::format("/proc/{}/comm", others.pid())) == "kube-proxy\n"; });
    CHECK(ask_doctor(node, "kube-proxy-chains").verdict == "not_applicable");
}

TEST_CASE("doctor kube-proxy-chains: those of a whole family that somebody flushed")
{
    const auto place = each_place();
    const Node node{27, place.iptables};
    const auto other = place.family == Family::ipv4 ? Family::ipv6 : Family::ipv4;
    make_kube_proxy(other);
    const auto alone = ask_doctor(node, "kube-proxy-chains");
    CHECK(alone.verdict == "ok");
    CHECK(alone.says(fmt::format("{}: kube-proxy has no chain", to_string(place.family))));
    make_kube_proxy(place.family);
    for (const auto* const table : {"nat", "filter"})
        run_all(place.family, {{"-t", table, "-F"}, {"-t", table, "-X"}});
    const auto flushed = ask_doctor(node, "kube-proxy-chains");
    CHECK(flushed.verdict == "critical");
    CHECK(flushed.says(fmt::format("{}: kube-proxy has its canary, and not one chain", to_string(place.family))));
    run_all(place.family, {{"-t", "mangle", "-X", "KUBE-PROXY-CANARY"}});
    make_kube_proxy(place.family);
    CHECK(ask_doctor(node, "kube-proxy-chains").verdict == "ok");
}

TEST_CASE("doctor kube-proxy-chains: a chain that was left in the other backend, and is not in use, is no fault")
{
    const auto place = each_place();
    const Node node{27, place.iptables};
    make_kube_proxy(place.family);
    const auto* const program = place.family == Family::ipv4 ? "iptables" : "ip6tables";
    const bool is_legacy = iptables(place.family).find("legacy") != std::string::npos;
    const std::string left = is_legacy ? "in nf_tables: " : "in iptables-legacy's tables: ";
    must_run({fmt::format("{}-{}", program, is_legacy ? "nft" : "legacy"), "-N", "KUBE-FORWARD"});
    const auto answer = ask_doctor(node, "kube-proxy-chains");
    CAPTURE(answer.text);
    CHECK(answer.verdict == "ok");
    run_all(place.family, {{"-t", "nat", "-F"}});
    const auto flushed = ask_doctor(node, "kube-proxy-chains");
    CHECK(flushed.says("nat KUBE-SERVICES is empty"));
    CHECK_FALSE(flushed.says(left));
    // Beside chains that nothing leads to it is one of them.
    run_all(place.family, {{"-t", "filter", "-F"}});
    CHECK(ask_doctor(node, "kube-proxy-chains").says(left + "nat KUBE-SERVICES is missing"));
}

TEST_CASE("doctor kube-proxy-chains: of two backends with its chains kubelet's counts, and without kubelet's both do")
{
    const auto place = each_place();
    const Node node{27, place.iptables};
    const bool is_nft = place.iptables == IptablesBackend::nft;
    const WithIptables used{place.iptables};
    const auto in_other = [&](const Commands& commands) {
        const WithIptables other{is_nft ? IptablesBackend::legacy : IptablesBackend::nft};
        run_all(place.family, commands);
    };
    {
        const WithIptables other{is_nft ? IptablesBackend::legacy : IptablesBackend::nft};
        make_kube_proxy(place.family);
    }
    make_kube_proxy(place.family);
    const auto missing_in = [](bool nft) {
        return fmt::format("in {}: nat KUBE-SERVICES is missing", nft ? "nf_tables" : "iptables-legacy's tables");
    };
    const Commands lose_nat{{"-t", "nat", "-F"}, {"-t", "nat", "-X"}};
    in_other(lose_nat);
    CHECK(ask_doctor(node, "kube-proxy-chains").says(missing_in(!is_nft)));
    run_all(place.family, {{"-t", "mangle", "-N", "KUBE-IPTABLES-HINT"}});
    const auto left_over = ask_doctor(node, "kube-proxy-chains");
    CHECK(left_over.verdict == "ok");
    CHECK(left_over.says("taken for left over"));
    run_all(place.family, lose_nat);
    const auto lost = ask_doctor(node, "kube-proxy-chains");
    CHECK(lost.verdict == "critical");
    CHECK(lost.says(missing_in(is_nft)));
    CHECK_FALSE(lost.says(missing_in(!is_nft)));
}

TEST_CASE("doctor kube-proxy-chains: chains that are not in use are no fault while the other backend cannot be read")
{
    const Node node{27, IptablesBackend::legacy};
    make_kube_proxy(Family::ipv4);
    must_run({"iptables-nft", "-N", "KUBE-FORWARD"});
    CHECK(ask_doctor(node, "kube-proxy-chains").verdict == "ok");
    // iptables-legacy's tables are read through a raw socket, nf_tables is not.
    const auto answer = doctor_answer(run({"setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", CHAINKEEPER,
                                           "doctor", "--json", "--check", "kube-proxy-chains"}));
    CAPTURE(answer.text);
    CHECK(answer.verdict == "unknown");
    CHECK_FALSE(answer.says("is missing"));
}

TEST_CASE("doctor kube-proxy-chains: in the ipvs mode")
{
    const auto place = each_place();
    const Node node{27, place.iptables};
    make_kube_proxy_ipvs(place.family);
    CHECK(ask_doctor(node, "kube-proxy-chains").says("as in its ipvs mode"));
    CHECK(ask_doctor(node, "rule-corruption").verdict == "ok");
    check_faults(node, place.family, "kube-proxy-chains",
                 {{.make = {{"-t", "nat", "-F", "KUBE-SERVICES"}},
                   .verdict = "critical",
                   .said = "nat KUBE-SERVICES is empty",
                   .mend = {{"-t", "nat", "-A", "KUBE-SERVICES", "-j", "KUBE-NODE-PORT"}}},
                  {.make = {{"-t", "nat", "-A", "KUBE-SERVICES", "-j", "KUBE-LOAD-BALANCER"},
                            {"-t", "nat", "-F", "KUBE-LOAD-BALANCER"}},
                   .verdict = "critical",
                   .said = "packets are sent to chains without a rule: KUBE-LOAD-BALANCER",
                   .mend = {{"-t", "nat", "-A", "KUBE-LOAD-BALANCER", "-j", "KUBE-MARK-MASQ"}}},
                  {.make = {{"-D", "FORWARD", "1"}},
                   .verdict = "critical",
                   .said = "filter KUBE-PROXY-FIREWALL: nothing leads to it",
                   .mend = {{"-I", "FORWARD", "-j", "KUBE-PROXY-FIREWALL"}}}});
    // What is left of the iptables mode, until `kube-proxy --cleanup`.
    run_all(place.family, {{"-t", "nat", "-N", "KUBE-SVC-OLD"}, {"-t", "nat", "-N", "KUBE-NODEPORTS"}});
    CHECK(ask_doctor(node, "kube-proxy-chains").verdict == "ok");
}

TEST_CASE("doctor kube-proxy-chains: canaries alone, which kube-proxy leaves behind, and what is left of the ipvs mode")
{
    const auto place = each_place();
    const Node node{27, place.iptables};
    for (const auto* const table : {"nat", "filter", "mangle"})
        run_all(place.family, {{"-t", table, "-N", "KUBE-PROXY-CANARY"}});
    CHECK(ask_doctor(node, "kube-proxy-chains").verdict == "not_applicable");
    make_kube_proxy_nftables(place.family);
    CHECK(ask_doctor(node, "kube-proxy-chains").verdict == "ok");
    make_kube_proxy(place.family);
    const auto both = ask_doctor(node, "kube-proxy-chains");
    CHECK(both.verdict == "warning");
    CHECK(both.says("nat KUBE-SERVICES is in use beside kube-proxy's nftables mode"));

    nft_script(fmt::format("delete table {} kube-proxy", place.family == Family::ipv4 ? "ip" : "ip6"));
    run_all(place.family, {{"-t", "nat", "-N", "KUBE-NODE-PORT"}, {"-t", "nat", "-N", "KUBE-LOAD-BALANCER"}});
    CHECK(ask_doctor(node, "kube-proxy-chains").says("as in its iptables mode"));
}

TEST_CASE("doctor kube-proxy-chains: in the nftables mode")
{
    const auto family = each_family();
    const Node node;
    const std::string ip = family == Family::ipv4 ? "ip" : "ip6";
    make_kube_proxy_nftables(family);
    const auto well = ask_doctor(node, "kube-proxy-chains");
    CAPTURE(well.text);
    CHECK(well.verdict == "ok");
    CHECK(well.says("as in its nftables mode (2 chains for Services)"));
    nft_script(fmt::format("flush chain {} kube-proxy nat-output", ip));
    CHECK(ask_doctor(node, "kube-proxy-chains").says("kube-proxy services: no jump from nat-output"));
    nft_script(fmt::format("add rule {} kube-proxy nat-output jump services", ip));
    nft_script(fmt::format("insert rule {} kube-proxy nat-output accept", ip));
    const auto passed_by = ask_doctor(node, "kube-proxy-chains");
    CHECK(passed_by.says("kube-proxy services: before it nat-output accepts every packet"));
    CHECK(passed_by.says(fmt::format("nft list chain {} kube-proxy nat-output", ip)));
    nft_script(
        fmt::format("flush chain {0} kube-proxy nat-output\nadd rule {0} kube-proxy nat-output jump services", ip));
    CHECK(ask_doctor(node, "kube-proxy-chains").verdict == "ok");
    nft_script(fmt::format("flush chain {} kube-proxy endpoint-GTK6MW7G-default/kubernetes/tcp/https", ip));
    const auto empty = ask_doctor(node, "kube-proxy-chains");
    CHECK(empty.verdict == "critical");
    CHECK(empty.says("chains without a rule: endpoint-GTK6MW7G-default/kubernetes/tcp/https"));
    nft_script(fmt::format("add chain {} kube-proxy endpoint-OLD", ip));  // emptied, and to be deleted some time
    CHECK_FALSE(ask_doctor(node, "kube-proxy-chains").says("nothing leads to"));
    nft_script(fmt::format("delete chain {0} kube-proxy endpoint-OLD; flush map {0} kube-proxy service-ips", ip));
    CHECK(ask_doctor(node, "kube-proxy-chains").says("nothing leads to 1 of 2 chains for Services: service-ULMVA6XW"));
    nft_script(fmt::format("delete table {0} kube-proxy", ip));
    make_kube_proxy_nftables(family);
    CHECK(ask_doctor(node, "kube-proxy-chains").verdict == "ok");
    nft_script(fmt::format("flush chain {} kube-proxy mark-for-masquerade", ip));
    CHECK(ask_doctor(node, "kube-proxy-chains").says("chains without a rule: mark-for-masquerade"));
    nft_script(fmt::format("add rule {} kube-proxy mark-for-masquerade meta mark set 1; "
                           "flush chain {} kube-proxy masquerading; add rule {} kube-proxy masquerading return",
                           ip, ip, ip));
    CHECK(ask_doctor(node, "kube-proxy-chains").says("kube-proxy masquerading: no rule masquerades"));
    nft_script(fmt::format("add rule {} kube-proxy masquerading masquerade", ip));
    CHECK(ask_doctor(node, "kube-proxy-chains").verdict == "ok");
    // Of the mode before.
    make_kube_proxy(family);
    const auto both = ask_doctor(node, "kube-proxy-chains");
    CHECK(both.verdict == "warning");
    CHECK(both.says("nat KUBE-SERVICES is in use beside kube-proxy's nftables mode"));
    run_all(family, {{"-t", "nat", "-F"}, {"-t", "nat", "-X"}});
    CHECK(ask_doctor(node, "kube-proxy-chains").verdict == "ok");
}

TEST_CASE("doctor rule-corruption: a rule that has lost its matches")
{
    const auto place = each_place();
    const Node node{27, place.iptables};
    make_once(node);
    make_kube_proxy(place.family);
    // kubelet makes it for IPv4 alone, from 1.27 on.
    if (place.family == Family::ipv6)
        run_all(place.family, {{"-N", "KUBE-FIREWALL"}});
    // What network plugins mean to say: all the others.
    run_all(place.family, {{"-N", "cali-fw-1"},
                           {"-A", "cali-fw-1", "-p", "tcp", "-j", "RETURN"},
                           {"-A", "cali-fw-1", "-m", "comment", "--comment", "cali:x", "-j", "DROP"}});
    const std::string command = iptables(place.family);
    check_faults(node, place.family, "rule-corruption",
                 {
                     {.make = {{"-A", "KUBE-FIREWALL", "-m", "comment", "--comment",
                                "block incoming localnet connections", "-j", "DROP"}},
                      .verdict = "critical",
                      .said = place.family == Family::ipv4 ? "filter KUBE-FIREWALL: rule 2 drops every packet"
                                                           : "filter KUBE-FIREWALL: rule 1 drops every packet",
                      .mend = {{"-D", "KUBE-FIREWALL", place.family == Family::ipv4 ? "2" : "1"}}},
                     {.make = {{"-t", "nat", "-I", "KUBE-SERVICES", "-j", "RETURN"}},
                      .verdict = "critical",
                      .said = fmt::format("`{} -t nat -D KUBE-SERVICES 1`", command),
                      .mend = {{"-t", "nat", "-D", "KUBE-SERVICES", "1"}}},
                     {.make = {{"-I", "cali-fw-1", "-j", "DROP"}},
                      .verdict = "critical",
                      .said = "cali-fw-1: rule 1 drops every packet",
                      .mend = {{"-D", "cali-fw-1", "1"}}},
                     {.make = {{"-I", "cali-fw-1", "-j", "RETURN"}},
                      .verdict = "warning",
                      .said = "cali-fw-1: rule 1 sends back every packet",
                      .mend = {{"-D", "cali-fw-1", "1"}}},
                 });
}

TEST_CASE("doctor rule-corruption: in the nftables mode of kube-proxy")
{
    const auto family = each_family();
    const Node node;
    const std::string ip = family == Family::ipv4 ? "ip" : "ip6";
    make_kube_proxy_nftables(family);
    CHECK(ask_doctor(node, "rule-corruption").verdict == "ok");
    for (const auto& [chain, verdict, says] :
         {std::tuple{"services", "drop", "drops"}, std::tuple{"masquerading", "return", "sends back"}}) {
        nft_script(fmt::format("insert rule {} kube-proxy {} {}", ip, chain, verdict));
        const auto answer = ask_doctor(node, "rule-corruption");
        CHECK(answer.verdict == "critical");
        CHECK(answer.says(fmt::format("kube-proxy {}: rule 1 {} every packet", chain, says)));
        nft_script(fmt::format("delete table {} kube-proxy", ip));
        make_kube_proxy_nftables(family);
        CHECK(ask_doctor(node, "rule-corruption").verdict == "ok");
    }
}

TEST_CASE("doctor rule-corruption: of many chains what is worst is named, KUBE-FIREWALL first of all")
{
    const auto place = each_place();
    const Node node{27, place.iptables};
    run_all(place.family, {{"-N", "KUBE-FIREWALL"}, {"-A", "KUBE-FIREWALL", "-j", "RETURN"}});
    for (int number = 0; number < 6; ++number) {
        const auto chain = fmt::format("AZURE-NPM-{}", number);
        run_all(place.family, {{"-N", chain}, {"-A", chain, "-j", "RETURN"}, {"-A", chain, "-j", "ACCEPT"}});
    }
    run_all(place.family,
            {{"-N", "cali-fw-1"}, {"-A", "cali-fw-1", "-j", "DROP"}, {"-A", "cali-fw-1", "-j", "ACCEPT"}});
    const auto answer = ask_doctor(node, "rule-corruption");
    CAPTURE(answer.text);
    CHECK(answer.verdict == "critical");
    const auto firewall = answer.text.find("KUBE-FIREWALL: rule 1 sends back every packet");
    const auto calico = answer.text.find("cali-fw-1: rule 1 drops every packet");
    const auto npm = answer.text.find("AZURE-NPM-0: rule 1 sends back every packet");
    CHECK(firewall < calico);
    CHECK(calico < npm);
    CHECK(npm < std::string::npos);
    CHECK(answer.says("and 3 chains more"));
    CHECK_FALSE(answer.says("AZURE-NPM-5"));
    const auto brief = chainkeeper(node, {"doctor", "--brief", "--check", "rule-corruption"});
    CHECK(brief.output.find("KUBE-FIREWALL") != std::string::npos);
}

TEST_CASE("doctor rule-count: more rules than iptables is quick with")
{
    const auto place = each_place();
    const Node node{27, place.iptables};
    CHECK(ask_doctor(node, "rule-count").says("there are no rules"));
    make_kube_proxy(place.family);
    CHECK(ask_doctor(node, "rule-count").says("nat 19"));
    write_text(node.folder() / "strict.toml", "[doctor]\nrule_limit = 18\n");
    const auto strict = chainkeeper(
        node, {"doctor", "--json", "--check", "rule-count", "--policy", (node.folder() / "strict.toml").string()});
    CHECK(strict.status == 1);
    CHECK(strict.output.find("nat 19 rules (more than 18 in one table)") != std::string::npos);
    make_services(place.family, 3400);
    const auto many = ask_doctor(node, "rule-count");
    CHECK(many.verdict == "warning");
    CHECK(many.says("nat 10219"));
    CHECK(many.says("more than 10000"));
    run_all(place.family, {{"-t", "nat", "-F"}, {"-t", "nat", "-X"}});
    CHECK(ask_doctor(node, "rule-count").verdict == "ok");
}

TEST_CASE("doctor backend: rules, hints and programs that do not agree")
{
    const Node node;
    make_once(node);
    make_kube_proxy(Family::ipv4);
    CHECK(ask_doctor(node, "backend").verdict == "ok");
    const auto legacy = [](const std::vector<std::string>& arguments) {
        std::vector<std::string> command{"iptables-legacy"};
        command.insert(command.end(), arguments.begin(), arguments.end());
        must_run(command);
    };

    legacy({"-A", "INPUT", "-s", "192.0.2.1", "-j", "DROP"});
    const auto both = ask_doctor(node, "backend");
    CHECK(both.verdict == "warning");
    CHECK(both.says("ipv4: there are rules in nf_tables and in iptables-legacy's tables"));
    legacy({"-F"});
    CHECK(ask_doctor(node, "backend").verdict == "ok");

    // Without kubelet's hint it is kube-proxy's chains that count.
    run_all(Family::ipv4, {{"-t", "mangle", "-X", "KUBE-IPTABLES-HINT"}});
    run_all(Family::ipv6, {{"-t", "mangle", "-X", "KUBE-IPTABLES-HINT"}});
    CHECK(ask_doctor(node, "backend").verdict == "ok");
    {
        const ProgramInFront other{"iptables", "echo 'iptables v1.8.9 (legacy)'\n"};
        const auto against = ask_doctor(node, "backend");
        CHECK(against.verdict == "critical");
        CHECK(against.says("writes to iptables-legacy's tables, and kube-proxy's chains are in nf_tables"));
    }
    must_run({"ip6tables-legacy", "-t", "mangle", "-N", "KUBE-IPTABLES-HINT"});
    run_all(Family::ipv4, {{"-t", "mangle", "-N", "KUBE-IPTABLES-HINT"}});
    const auto apart_by_family = ask_doctor(node, "backend");
    CHECK(apart_by_family.verdict == "critical");
    CHECK(apart_by_family.says("in nf_tables for one family, and in iptables-legacy's tables for the other"));
    must_run({"ip6tables-legacy", "-t", "mangle", "-X", "KUBE-IPTABLES-HINT"});
    run_all(Family::ipv6, {{"-t", "mangle", "-N", "KUBE-IPTABLES-HINT"}});
    CHECK(ask_doctor(node, "backend").verdict == "ok");

    legacy({"-t", "mangle", "-N", "KUBE-IPTABLES-HINT"});
    const auto hints = ask_doctor(node, "backend");
    CHECK(hints.verdict == "critical");
    CHECK(hints.says("KUBE-IPTABLES-HINT is in nf_tables and in iptables-legacy's tables"));
    run_all(Family::ipv4, {{"-t", "mangle", "-X", "KUBE-IPTABLES-HINT"}});
    const auto apart = ask_doctor(node, "backend");
    CHECK(apart.verdict == "critical");
    CHECK(apart.says("KUBE-IPTABLES-HINT is in iptables-legacy's tables, and kube-proxy's chains are in nf_tables"));
    legacy({"-t", "mangle", "-X", "KUBE-IPTABLES-HINT"});
    run_all(Family::ipv4, {{"-t", "mangle", "-N", "KUBE-IPTABLES-HINT"}});
    CHECK(ask_doctor(node, "backend").verdict == "ok");
}

TEST_CASE("doctor backend: a container whose iptables writes elsewhere")
{
    const Node node;
    make_once(node);
    CHECK(ask_doctor(node, "backend").verdict == "ok");
    const TemporaryDirectory programs;
    std::filesystem::create_directory(programs.path() / "alternatives");
    std::filesystem::create_symlink("/usr/sbin/iptables-legacy", programs.path() / "alternatives/iptables");
    std::filesystem::copy_file("/usr/bin/sleep", programs.path() / "flanneld");
    {
        const Process container{
            {.arguments = {"unshare", "--mount", "sh", "-c",
                           fmt::format("mount --bind {0}/alternatives /etc/alternatives && exec {0}/flanneld 600",
                                       programs.path().string())}}};
        await("the container had its program",
              [&] { return text_of(fmt::format("/proc/{}/comm", container.pid())) == "flanneld\n"; });
        const auto apart = ask_doctor(node, "backend");
        CHECK(apart.verdict == "critical");
        CHECK(apart.says(
            fmt::format("iptables of flanneld (process {}) writes to iptables-legacy's tables, and kubelet's "
                        "hint is in nf_tables",
                        container.pid())));
    }
    CHECK(ask_doctor(node, "backend").verdict == "ok");
}

TEST_CASE("doctor backend: an iptables whose -C is broken")
{
    const Node node;
    const auto judged_with = [&](std::string_view version) {
        const ProgramInFront iptables{"iptables", fmt::format("echo 'iptables v{} (nf_tables)'", version)};
        return ask_doctor(node, "backend");
    };
    const auto broken = judged_with("1.8.2");
    CHECK(broken.verdict == "critical");
    CHECK(broken.says("iptables 1.8.2: its -C does not find rules that are there"));
    CHECK(judged_with("1.8.3").verdict == "ok");
}

}  // namespace chainkeeper::tests
