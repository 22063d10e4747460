// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/await.hpp"
#include "tests/netns/daemon_process.hpp"
#include "tests/netns/kube_proxy.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/process.hpp"
#include "tests/netns/stand_in.hpp"
#include "tests/support/command.hpp"
#include "tests/support/ruleset.hpp"

#include <chrono>
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <sys/stat.h>
#include <vector>

// `chainkeeper baseline save` and `compare`, on rulesets that iptables has made.
namespace chainkeeper::tests {

using repair::Family;

namespace {

std::string baseline_of(const Node& node)
{
    return (node.folder() / "baseline.json").string();
}

void save(const Node& node)
{
    const auto done = chainkeeper(node, {"baseline", "save", baseline_of(node)});
    CAPTURE(done.errors);
    REQUIRE(done.status == 0);
}

struct Compared {
    int status = 0;
    std::string text;  // of those that matter, a line each
    std::string normal;
};

Compared compare(const Node& node)
{
    const auto done = chainkeeper(node, {"baseline", "compare", "--json", baseline_of(node)});
    CAPTURE(done.output);
    Compared compared{.status = done.status, .text = {}, .normal = {}};
    const auto answer = nlohmann::json::parse(done.output);
    for (const auto& difference : answer.at("differences"))
        (difference.at("may_be_normal") ? compared.normal : compared.text) +=
            difference.at("text").get<std::string>() + "\n";
    CHECK(answer.at("same") == compared.text.empty());
    return compared;
}

// What a network plugin has, in a table of kubelet's and in one that kubelet does not use.
void make_calico(Family family)
{
    restore(family, "*filter\n:cali-FORWARD - [0:0]\n:cali-tw-cali0123456789a - [0:0]\n"
                    "-A cali-tw-cali0123456789a -m conntrack --ctstate INVALID -j DROP\n"
                    "-A cali-FORWARD -o cali0123456789a -j cali-tw-cali0123456789a\n"
                    "-I FORWARD -m comment --comment \"cali:abcdefghijklmnop\" -j cali-FORWARD\nCOMMIT\n"
                    "*raw\n:cali-PREROUTING - [0:0]\n-A cali-PREROUTING -j MARK --set-xmark 0x0/0xf0000\n"
                    "-I PREROUTING -m comment --comment \"cali:6gwbT8clXdHdC1b1\" -j cali-PREROUTING\nCOMMIT\n");
}

void make_healthy(const Node& node, Family family)
{
    make_once(node);
    make_kube_proxy(family);
    make_calico(family);
}

// The same node of another cluster: other hashes, addresses and ports.
void become_another_node(Family family)
{
    auto text = must_run({iptables(family, "-save")});
    for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
             {"NPX46M4PTMTKRN6Y", "TCOU7JCQXEZGVUNU"},
             {"AAAAAAAAAAAAAAAA", "ZZZZZZZZZZZZZZZZ"},
             {"cali0123456789a", "califedcba98765"},
             {R"(10\.244\.)", "10.200."},
             {R"(10\.96\.0\.1)", "172.20.0.1"},
             {"fd00:244", "fd00:555"},
             {"fd00:96::1", "fd00:777::1"},
             {"30443", "31999"},
             {":6443", ":8443"},
         })
        text = std::regex_replace(text, std::regex{from}, to);
    flush(family);
    restore(family, text);
}

struct Fault {
    std::vector<std::vector<std::string>> make;
    std::string said;
    std::vector<std::vector<std::string>> mend;
};

constexpr auto is_regular = [](const std::filesystem::path& path) {
    return std::filesystem::is_regular_file(std::filesystem::symlink_status(path));
};

}  // namespace

TEST_CASE("baseline: a node is as it was, another healthy node is as well, and nothing is written to the kernel")
{
    const auto place = each_place();
    const Node node{27, place.iptables};
    make_healthy(node, place.family);
    const auto before = whole_ruleset();
    save(node);
    const auto same = compare(node);
    CHECK(same.status == 0);
    CHECK(same.text.empty());
    CHECK(same.normal.empty());
    CHECK(whole_ruleset() == before);
    const auto text = text_of(baseline_of(node));
    for (const auto* const value : {"NPX46M4PTMTKRN6Y", "10.96", "fd00", "6443", "cali0123456789a", "abcdefghijklmnop"})
        CHECK(text.find(value) == std::string::npos);

    become_another_node(place.family);
    REQUIRE(whole_ruleset() != before);
    const auto another = compare(node);
    CHECK(another.status == 0);
    CHECK(another.text.empty());
    CHECK(another.normal.empty());
}

TEST_CASE("baseline: what was taken away, added or changed is said, and is gone when it is mended")
{
    const auto place = each_place();
    const Node node{27, place.iptables};
    make_healthy(node, place.family);
    save(node);
    const std::vector<Fault> faults{
        {.make = {{"-t", "nat", "-D", "OUTPUT", "-m", "comment", "--comment", "kubernetes service portals", "-j",
                   "KUBE-SERVICES"}},
         .said = "nat OUTPUT has no `match:comment jump KUBE-SERVICES`",
         .mend = {{"-t", "nat", "-I", "OUTPUT", "-m", "comment", "--comment", "kubernetes service portals", "-j",
                   "KUBE-SERVICES"}}},
        {.make = {{"-I", "FORWARD", "-j", "REJECT"}},
         .said = "filter FORWARD has `target:REJECT`",
         .mend = {{"-D", "FORWARD", "-j", "REJECT"}}},
        {.make = {{"-t", "nat", "-I", "PREROUTING", "-j", "ACCEPT"}},
         .said = "nat PREROUTING has `accept`",
         .mend = {{"-t", "nat", "-D", "PREROUTING", "-j", "ACCEPT"}}},
        {.make = {{"-t", "nat", "-F", "KUBE-SEP-AAAAAAAAAAAAAAAA"}, {"-t", "nat", "-F", "KUBE-SEP-BBBBBBBBBBBBBBBB"}},
         .said = "target:DNAT`",
         .mend = {{"-t", "nat", "-A", "KUBE-SEP-AAAAAAAAAAAAAAAA", "-p", "tcp", "-m", "comment", "--comment", "x", "-m",
                   "tcp", "-j", "DNAT", "--to-destination", ":8443"}}},
        {.make = {{"-P", "FORWARD", "DROP"}},
         .said = "filter FORWARD: policy drop, and was accept",
         .mend = {{"-P", "FORWARD", "ACCEPT"}}},
        {.make = {{"-I", "KUBE-FORWARD", "-j", "DROP"}},
         .said = "filter KUBE-FORWARD has `drop`",
         .mend = {{"-D", "KUBE-FORWARD", "1"}}},
        {.make = {{"-t", "raw", "-F", "cali-PREROUTING"}},
         .said = "raw cali-PREROUTING has no `",
         .mend = {{"-t", "raw", "-A", "cali-PREROUTING", "-j", "MARK", "--set-xmark", "0x0/0xf0000"}}},
        {.make = {{"-t", "nat", "-F", "KUBE-POSTROUTING"}},
         .said = "nat KUBE-POSTROUTING has no `match:comment target:MASQUERADE`",
         .mend = {{"-t", "nat", "-A", "KUBE-POSTROUTING", "-m", "mark", "!", "--mark", "0x4000/0x4000", "-j", "RETURN"},
                  {"-t", "nat", "-A", "KUBE-POSTROUTING", "-j", "MARK", "--xor-mark", "0x4000"},
                  {"-t", "nat", "-A", "KUBE-POSTROUTING", "-m", "comment", "--comment", "x", "-j", "MASQUERADE"}}},
        {.make = {{"-t", "nat", "-N", "FLANNEL-POSTRTG"}},
         .said = "nat FLANNEL-POSTRTG is there",
         .mend = {{"-t", "nat", "-X", "FLANNEL-POSTRTG"}}},
    };
    for (const auto& fault : faults) {
        run_all(place.family, fault.make);
        const auto sick = compare(node);
        CAPTURE(fault.said);
        CAPTURE(sick.text);
        CHECK(sick.status == 1);
        CHECK(sick.text.find(fault.said) != std::string::npos);
        run_all(place.family, fault.mend);
        const auto mended = compare(node);
        CAPTURE(mended.text);
        CHECK(mended.status == 0);
        CHECK(mended.text.empty());
    }
}

TEST_CASE("baseline: a rule that somebody adds again and again")
{
    const auto place = each_place();
    const Node node{27, place.iptables};
    make_healthy(node, place.family);
    save(node);
    const std::string rule = "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP\n";
    std::string rules;
    for (int count = 0; count < 20; ++count)
        rules += rule;
    restore(place.family, "*filter\n" + rules + "COMMIT\n");
    const auto leak = compare(node);
    CHECK(leak.status == 1);
    CHECK(leak.text.find("filter KUBE-FORWARD: 23 rules, and was 3") != std::string::npos);
}

TEST_CASE("baseline: after a flush of all, kubelet's chains are named first")
{
    const auto backend = each_backend();
    const Node node{27, backend};
    make_healthy(node, Family::ipv4);
    save(node);
    flush_everything();
    const auto flushed = compare(node);
    CHECK(flushed.status == 1);
    CHECK(flushed.text.find(fmt::format("ipv4 in {}: filter KUBE-FIREWALL is not there\n",
                                        backend == IptablesBackend::nft ? "nf_tables" : "iptables-legacy's tables")) ==
          0);
    CHECK(flushed.text.find("nat KUBE-SERVICES is not there") != std::string::npos);
    CHECK(flushed.text.find("nat KUBE-SVC-* is not there") != std::string::npos);
    CHECK(flushed.normal.find("filter cali-tw-* is not there") != std::string::npos);
    make_healthy(node, Family::ipv4);
    CHECK(compare(node).status == 0);
}

TEST_CASE("baseline: chains that have moved to the other backend")
{
    const Node node;
    make_kube_proxy(Family::ipv4);
    save(node);
    flush_everything();
    must_run({"iptables-legacy", "-N", "KUBE-FIREWALL"});
    const auto moved = compare(node);
    CHECK(moved.status == 1);
    CHECK(moved.text == "ipv4: all chains were in nf_tables, and are in iptables-legacy's tables\n");
}

TEST_CASE("baseline: of the nftables mode of kube-proxy")
{
    const auto family = each_family();
    const std::string ip = family == Family::ipv4 ? "ip" : "ip6";
    const Node node;
    make_kube_proxy_nftables(family);
    save(node);
    CHECK(compare(node).status == 0);
    nft_script(fmt::format("flush chain {} kube-proxy nat-output", ip));
    CHECK(compare(node).text.find("kube-proxy nat-output has no `jump services`") != std::string::npos);
    nft_script(fmt::format("delete table {} kube-proxy", ip));
    make_kube_proxy_nftables(family);
    CHECK(compare(node).status == 0);
}

TEST_CASE("baseline: many Services make it no longer, and take no longer than doctor does")
{
    const auto backend = each_backend();
    const Node node{27, backend};
    make_kube_proxy(Family::ipv4);
    make_services(Family::ipv4, 10);
    save(node);
    const auto size = std::filesystem::file_size(baseline_of(node));
    make_services(Family::ipv4, 3400);
    const auto timed = [&](const std::vector<std::string>& arguments) {
        const auto begin = std::chrono::steady_clock::now();
        CHECK(chainkeeper(node, arguments).status == 0);
        return std::chrono::steady_clock::now() - begin;
    };
    const auto many = compare(node);
    CHECK(many.status == 0);
    CHECK(many.normal.find("nat KUBE-SVC-*: 3401 chains, and was 11") != std::string::npos);
    const auto surveyed = timed({"doctor", "--check", "rule-corruption"});
    CHECK(timed({"baseline", "save", baseline_of(node)}) < 3 * surveyed);
    CHECK(std::filesystem::file_size(baseline_of(node)) < size + 40);
}

TEST_CASE("baseline: the file is readable by all, takes the place of the last one, and goes through a pipe")
{
    const Node node;
    make_kube_proxy(Family::ipv4);
    write_text(baseline_of(node), "the last one");
    save(node);
    struct stat status {};
    REQUIRE(stat(baseline_of(node).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0644);
    CHECK_FALSE(std::filesystem::exists(baseline_of(node) + ".new"));

    const auto piped = chainkeeper(node, {"baseline", "save", "-"});
    CHECK(piped.status == 0);
    const auto compared = run(chainkeeper_command(node, {"baseline", "compare", "-"}), piped.output);
    CHECK(compared.status == 0);
    CHECK(compared.output.starts_with("same "));
    CHECK(run(chainkeeper_command(node, {"baseline", "compare", "-"}), "no JSON").errors ==
          "chainkeeper: -: no baseline: it is no JSON object\n");
}

TEST_CASE("baseline: of two that save into one file at once the second is refused, and a crash leaves no lock")
{
    const Node node;
    make_kube_proxy(Family::ipv4);
    const auto other = baseline_of(node) + ".new";
    write_text(other, "half of it");
    {
        const Process writer{{.arguments = {"flock", "--no-fork", other, "sleep", "600"}}};
        await("it was locked", [&] { return run({"flock", "-n", other, "true"}).status != 0; });
        const auto refused = chainkeeper(node, {"baseline", "save", baseline_of(node)});
        CHECK(refused.status == 2);
        CHECK(refused.errors.find("Device or resource busy") != std::string::npos);
        CHECK(text_of(other) == "half of it");
    }
    save(node);
    CHECK(compare(node).status == 0);
    CHECK_FALSE(std::filesystem::exists(other));
}

TEST_CASE("baseline: what is no regular file stays as it is")
{
    const Node node;
    make_kube_proxy(Family::ipv4);
    const auto fifo = node.folder() / "fifo";
    REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
    const auto link = node.folder() / "link";
    std::filesystem::create_symlink(fifo, link);
    for (const auto& path : {fifo, link, node.folder()}) {
        const auto refused = chainkeeper(node, {"baseline", "save", path.string()});
        CHECK(refused.status == 2);
        CHECK(refused.errors == fmt::format("chainkeeper: {} is no regular file, and stays as it is\n", path.string()));
        CHECK_FALSE(is_regular(path));
        CHECK(chainkeeper(node, {"baseline", "compare", path.string()}).status == 2);
    }
    CHECK(chainkeeper(node, {"baseline", "save", (node.folder() / "no" / "folder").string()}).status == 2);
    write_text(baseline_of(node), std::string(2'000'000, ' '));
    const auto large = chainkeeper(node, {"baseline", "compare", baseline_of(node)});
    CHECK(large.status == 2);
    CHECK(large.errors.find("larger than 1024 KiB") != std::string::npos);
}

TEST_CASE("baseline: where there is nothing to save, or no right to look, the last file stays")
{
    const Node node;
    write_text(baseline_of(node), "the last one");
    const auto empty = chainkeeper(node, {"baseline", "save", baseline_of(node)});
    CHECK(empty.status == 2);
    CHECK(empty.errors == "chainkeeper: there is no chain of kubelet, kube-proxy or a network plugin here to save\n");
    make_kube_proxy(Family::ipv4);
    std::vector<std::string> command{"setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"};
    for (const auto& argument : chainkeeper_command(node, {"baseline", "save", baseline_of(node)}))
        command.push_back(argument);
    const auto denied = run(command);
    CHECK(denied.status == 2);
    CHECK(denied.errors.find("CAP_NET_ADMIN") != std::string::npos);
    CHECK(text_of(baseline_of(node)) == "the last one");
}

}  // namespace chainkeeper::tests
