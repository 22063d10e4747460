// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/profile.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::policies {

namespace {

using repair::DesiredState;
using repair::Family;
using Version = Profile::Version;
using Lines = std::vector<std::string>;

const std::string block_localnet =
    R"(! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" )"
    "-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP";
const std::string drop_marked =
    R"(-m comment --comment "kubernetes firewall for dropping marked packets" -m mark --mark 0x8000/0x8000 -j DROP)";

// The chains in order, each with its rules, then the jumps, as iptables would be told.
Lines lines_of(const DesiredState& state)
{
    Lines lines;
    for (const auto& chain : state.chains) {
        lines.push_back(fmt::format("{} :{}", to_string(chain.table), chain.name));
        for (const auto& rule : chain.rules)
            lines.push_back(fmt::format("-A {} {}", chain.name, to_string(state.family, rule)));
        for (const auto& rule : chain.tolerated)
            lines.push_back(fmt::format("tolerated -A {} {}", chain.name, to_string(state.family, rule)));
    }
    for (const auto& jump : state.jumps)
        lines.push_back(
            fmt::format("{} -I {} {}", to_string(jump.table), jump.base_chain, to_string(state.family, jump.rule)));
    return lines;
}

Lines operator+(Lines left, const Lines& right)
{
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

const Lines hint{"mangle :KUBE-IPTABLES-HINT"};
const Lines canaries{"filter :KUBE-KUBELET-CANARY", "nat :KUBE-KUBELET-CANARY", "mangle :KUBE-KUBELET-CANARY"};
const Lines firewall{"filter :KUBE-FIREWALL"};
const Lines localnet_rule{"-A KUBE-FIREWALL " + block_localnet};
const Lines marked_rule{"-A KUBE-FIREWALL " + drop_marked};
const Lines firewall_jumps{"filter -I OUTPUT -j KUBE-FIREWALL", "filter -I INPUT -j KUBE-FIREWALL"};
const Lines nat_chains{
    "nat :KUBE-MARK-DROP",
    "-A KUBE-MARK-DROP -j MARK --set-xmark 0x8000/0x8000",
    "nat :KUBE-MARK-MASQ",
    "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
    "nat :KUBE-POSTROUTING",
    "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
    "-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0",
    R"(-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully)",
};
const Lines nat_jumps{R"(nat -I POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING)"};

Profile profile_of(unsigned major, unsigned minor)
{
    const auto profile = profile_for({major, minor});
    REQUIRE(profile.has_value());
    return *profile;
}

constexpr std::string_view mangle_canary = R"(
[[chain]]
table = "mangle"
name = "KUBE-KUBELET-CANARY"
)";

// A profile that is right but for what `middle` does to it; `middle` begins in line 2.
std::string profile_with(std::string_view middle, std::string_view since = "1.24")
{
    return fmt::format("since = \"{}\"\n{}{}", since, middle, mangle_canary);
}

std::string chain_in(std::string_view table, std::string_view name)
{
    return fmt::format("[[chain]]\ntable = \"{}\"\nname = \"{}\"\n", table, name);
}

std::string firewall_with(std::string_view rule)
{
    return profile_with(fmt::format("{}[[chain.rule]]\n{}\n", chain_in("filter", "KUBE-FIREWALL"), rule));
}

std::string jump_with(std::string_view keys)
{
    return profile_with(fmt::format("{}[[jump]]\n{}\n", chain_in("filter", "KUBE-FIREWALL"), keys));
}

// Why `text` is refused; nothing when it is not.
std::string refusal(std::string_view text)
{
    const auto profile = parse_profile(text, "x.toml");
    return profile ? "" : profile.error();
}

bool is_never_ours(const std::string& refused)
{
    return refused.find("it is never guarded") != std::string::npos;
}

}  // namespace

TEST_CASE("every version that a profile was tested with is known, and what is newer is not")
{
    for (std::size_t at = 0; at < profiles().size(); ++at) {
        const auto& profile = profiles()[at];
        CHECK(profile.tested_to >= profile.since);
        if (at + 1 < profiles().size())
            CHECK(profile.tested_to == Version{1, profiles()[at + 1].since.minor - 1});
    }
    CHECK(profiles().back().tested_to == Version{1, 36});
    for (const auto known : {Version{0, 99}, Version{1, 24}, Version{1, 27}, Version{1, 36}})
        CHECK_FALSE(is_newer_than_known(known));
    for (const auto newer : {Version{1, 37}, Version{1, 100}, Version{2, 0}})
        CHECK(is_newer_than_known(newer));
}

TEST_CASE("kubelet 1.24: the rule for marked packets before the one for localnet, the hint after the nat chains")
{
    const auto profile = profile_of(1, 24);
    CHECK(lines_of(profile.ipv4) ==
          firewall + marked_rule + localnet_rule + nat_chains + hint + canaries + firewall_jumps + nat_jumps);
    CHECK(lines_of(profile.ipv6) == firewall + marked_rule + nat_chains + hint + canaries + firewall_jumps + nat_jumps);
}

TEST_CASE("kubelet 1.25 and 1.26: the hint first, the rule for localnet before the one for marked packets")
{
    for (const auto minor : {25U, 26U}) {
        const auto profile = profile_of(1, minor);
        CHECK(lines_of(profile.ipv4) ==
              hint + firewall + localnet_rule + marked_rule + nat_chains + canaries + firewall_jumps + nat_jumps);
        CHECK(lines_of(profile.ipv6) == hint + firewall + marked_rule + nat_chains + canaries + nat_jumps);
    }
}

TEST_CASE("kubelet from 1.27 on: the hint, and for IPv4 the firewall")
{
    for (const auto minor : {27U, 28U, 34U, 36U, 99U}) {
        const auto profile = profile_of(1, minor);
        CHECK(lines_of(profile.ipv4) ==
              hint + firewall + localnet_rule + Lines{"tolerated " + marked_rule.front()} + canaries + firewall_jumps);
        CHECK(lines_of(profile.ipv6) == hint + canaries);
    }
}

TEST_CASE("every profile has an empty canary in each table, and mangle's is the last chain of all")
{
    REQUIRE(profiles().size() == 3);
    for (const auto& profile : profiles())
        for (const auto family : repair::all_families) {
            const auto& state = profile.of(family);
            CHECK(state.family == family);
            for (const auto table : repair::all_tables) {
                const auto is_canary = [&](const auto& chain) {
                    return chain.is_canary() && chain.table == table && chain.rules.empty() && chain.tolerated.empty();
                };
                CHECK(std::ranges::count_if(state.chains, is_canary) == 1);
            }
            CHECK(state.chains.back().is_canary());
            CHECK(state.chains.back().table == repair::Table::mangle);
        }
}

TEST_CASE("the profile of a version is the newest that is not newer")
{
    CHECK(profile_of(1, 24).since == Version{1, 24});
    CHECK(profile_of(1, 25).since == Version{1, 25});
    CHECK(profile_of(1, 26).since == Version{1, 25});
    CHECK(profile_of(1, 27).since == Version{1, 27});
    CHECK(profile_of(2, 0).since == Version{1, 27});
    for (const auto version : {Version{1, 23}, Version{0, 99}})
        CHECK_FALSE(profile_for(version).has_value());
    CHECK(profile_for({1, 23}).error() == "kubelet 1.23 is older than the oldest that is known, 1.24");
}

TEST_CASE("the profiles stand from the oldest to the newest")
{
    std::vector<Version> versions;
    for (const auto& profile : profiles())
        versions.push_back(profile.since);
    CHECK(versions == std::vector{Version{1, 24}, Version{1, 25}, Version{1, 27}});
}

TEST_CASE("a version is read as kubelet and its distributors write it")
{
    const std::vector<std::pair<std::string_view, Version>> versions{{"1.27", {1, 27}},
                                                                     {"v1.34.2", {1, 34}},
                                                                     {"1.29.4-gke.100", {1, 29}},
                                                                     {"v1.30.1+k3s1", {1, 30}},
                                                                     {"1.24.0-rc.1", {1, 24}},
                                                                     {"v1.27.9-eks-5e0fdde", {1, 27}},
                                                                     {"1.31.0-alpha.0+ab12", {1, 31}},
                                                                     {"1.27-beta", {1, 27}}};
    for (const auto& [text, version] : versions) {
        const auto read = parse_version(text);
        REQUIRE_MESSAGE(read.has_value(), read.error());
        CHECK(*read == version);
    }
}

TEST_CASE("what is no version is refused")
{
    for (const auto* text :
         {"",       "1",       "v",     "1.",    ".27",   "1.x",   "1.27.",    "1.27.x",        "1.27x",
          "1.27-",  "1.27.3 ", " 1.27", "-1.27", "1.-27", "+1.27", "1.27.3.4", "99999999999.1", "1.27.3-a b",
          "vv1.27", "V1.27"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_version(text).has_value());
    }
    CHECK(parse_version("latest").error() ==
          R"('latest' is not a version of Kubernetes: write it as "1.27" or "v1.27.3")");
}

TEST_CASE("a chain that is never ours is refused, whatever the table and the version")
{
    for (const auto* name : {"KUBE-SERVICES",
                             "KUBE-EXTERNAL-SERVICES",
                             "KUBE-NODEPORTS",
                             "KUBE-FORWARD",
                             "KUBE-PROXY-FIREWALL",
                             "KUBE-PROXY-CANARY",
                             "KUBE-SVC-TCOU7JCQXEZGVUNU",
                             "KUBE-SVL-TCOU7JCQXEZGVUNU",
                             "KUBE-FW-TCOU7JCQXEZGVUNU",
                             "KUBE-EXT-TCOU7JCQXEZGVUNU",
                             "KUBE-SEP-TCOU7JCQXEZGVUNU",
                             "KUBE-NODE-PORT",
                             "KUBE-LOAD-BALANCER",
                             "KUBE-SOURCE-RANGES-FIREWALL",
                             "KUBE-IPVS-FILTER",
                             "KUBE-IPVS-OUT-FILTER",
                             "INPUT",
                             "DOCKER",
                             "kube-firewall",
                             "KUBE-FIREWALL ",
                             ""})
        for (const auto table : repair::all_tables)
            for (const auto* since : {"1.24", "1.25", "1.27"}) {
                CAPTURE(name);
                CHECK(is_never_ours(refusal(profile_with(chain_in(to_string(table), name), since))));
            }
}

TEST_CASE("the chains that kubelet left to kube-proxy are guarded before 1.27 only")
{
    for (const auto* name : {"KUBE-MARK-DROP", "KUBE-MARK-MASQ", "KUBE-POSTROUTING"}) {
        CAPTURE(name);
        for (const auto* since : {"1.24", "1.26"})
            CHECK(refusal(profile_with(chain_in("nat", name), since)).empty());
        for (const auto* since : {"1.27", "1.28", "2.0"})
            CHECK(is_never_ours(refusal(profile_with(chain_in("nat", name), since))));
    }
}

TEST_CASE("a chain is guarded in the table in which kubelet makes it, and in no other")
{
    CHECK(refusal(profile_with(chain_in("filter", "KUBE-FIREWALL"))).empty());
    CHECK(is_never_ours(refusal(profile_with(chain_in("nat", "KUBE-FIREWALL")))));
    CHECK(is_never_ours(refusal(profile_with(chain_in("filter", "KUBE-IPTABLES-HINT")))));
    CHECK(is_never_ours(refusal(profile_with(chain_in("filter", "KUBE-MARK-MASQ")))));
}

TEST_CASE("the refusal of a chain says where and why")
{
    CHECK(refusal(profile_with(chain_in("nat", "KUBE-SERVICES"))) ==
          "x.toml:4:8: 'KUBE-SERVICES' is not a chain that kubelet 1.24 makes in table nat: it is never guarded");
}

TEST_CASE("a mistake in a rule is refused where it stands")
{
    const std::vector<std::pair<std::string_view, std::string_view>> mistakes{
        {R"(verdit = "DROP")", "6:1: unknown key 'verdit' in a rule; did you mean 'verdict'?"},
        {R"(verdict = "DORP")", "6:11: unknown verdict 'DORP'; did you mean 'DROP'?"},
        {R"(verdict = 1)", "6:11: 'verdict' must be a string, not an integer"},
        {R"(source = "127.0.0.0/8")", "5:1: one of these is missing: verdict, set_xmark, masquerade"},
        {"verdict = \"DROP\"\nset_xmark = \"0x1/0x1\"",
         "7:1: only one of these may be given: verdict, set_xmark, masquerade"},
        {"source = \"::1/128\"\nverdict = \"DROP\"", "6:10: '::1/128' is not a prefix of whole bytes in family ipv4"},
        {"source = \"!127.0.0.0/8\"\nverdict = \"DROP\"",
         "6:10: '!127.0.0.0/8' is not a prefix of whole bytes in family ipv4"},
        {"destination = \"10.0.0.0/12\"\nverdict = \"DROP\"",
         "6:15: '10.0.0.0/12' is not a prefix of whole bytes in family ipv4"},
        {"match = { mark = \"0x1/0x1\" }\nverdict = \"DROP\"", "6:9: 'match' must be an array of tables, not a table"},
        {"match = [1]\nverdict = \"DROP\"", "6:10: 'match' holds tables, not an integer"},
        {"match = [{}]\nverdict = \"DROP\"", "6:10: one of these is missing: comment, ctstate, mark"},
        {"match = [{ comment = \"a\", mark = \"0x1/0x1\" }]\nverdict = \"DROP\"",
         "6:27: only one of these may be given: comment, ctstate, mark"},
        {"match = [{ coment = \"a\" }]\nverdict = \"DROP\"",
         "6:12: unknown key 'coment' in a match; did you mean 'comment'?"},
        {"match = [{ mark = \"0x8000\" }]\nverdict = \"DROP\"",
         R"(6:19: '0x8000' is not a mark: write it as "0x4000/0x4000")"},
        {"match = [{ mark = \"32768/0x8000\" }]\nverdict = \"DROP\"",
         R"(6:19: '32768/0x8000' is not a mark: write it as "0x4000/0x4000")"},
        {"match = [{ mark = \"0x1ffffffff/0x1\" }]\nverdict = \"DROP\"",
         R"(6:19: '0x1ffffffff/0x1' is not a mark: write it as "0x4000/0x4000")"},
        {R"(set_xmark = "! 0x1/0x1")", R"(6:13: '! 0x1/0x1' is not a mark: write it as "0x4000/0x4000")"},
        {"match = [{ ctstate = \"RELATED,DNATED\" }]\nverdict = \"DROP\"",
         "6:22: 'DNATED' is not a state of --ctstate"},
        {"match = [{ ctstate = \"RELATED,\" }]\nverdict = \"DROP\"", "6:22: '' is not a state of --ctstate"},
        {R"(masquerade = "random")", R"(6:14: kubelet masquerades in one way only: write "random-fully")"},
        {"families = []\nverdict = \"DROP\"", "6:12: 'families' is empty: name at least one family"},
    };
    for (const auto& [rule, expected] : mistakes)
        CHECK(refusal(firewall_with(rule)) == fmt::format("x.toml:{}", expected));
}

TEST_CASE("a mistake in a jump is refused where it stands")
{
    const std::vector<std::pair<std::string_view, std::string_view>> mistakes{
        {"table = \"filter\"\nfrom = \"OUTPUT\"", "5:1: 'to' is missing here"},
        {"table = \"filter\"\nto = \"KUBE-FIREWALL\"", "5:1: 'from' is missing here"},
        {"from = \"OUTPUT\"\nto = \"KUBE-FIREWALL\"", "5:1: 'table' is missing here"},
        {"table = \"filter\"\nfrom = \"OUTPT\"\nto = \"KUBE-FIREWALL\"",
         "7:8: unknown base chain 'OUTPT' of table filter; did you mean 'OUTPUT'?"},
        {"table = \"filter\"\nfrom = \"POSTROUTING\"\nto = \"KUBE-FIREWALL\"",
         "7:8: unknown base chain 'POSTROUTING' of table filter; known: INPUT, FORWARD, OUTPUT"},
        {"table = \"filter\"\nfrom = \"OUTPUT\"\nto = \"KUBE-SERVICES\"",
         "8:6: 'KUBE-SERVICES' is no [[chain]] of table filter in family ipv4"},
        {"table = \"nat\"\nfrom = \"OUTPUT\"\nto = \"KUBE-FIREWALL\"",
         "8:6: 'KUBE-FIREWALL' is no [[chain]] of table nat in family ipv4"},
        {"table = \"filter\"\nfrom = \"OUTPUT\"\nto = \"KUBE-FIREWALL\"\nrule = \"x\"",
         "9:1: unknown key 'rule' in [[jump]]; known: families, table, from, to, comment"},
    };
    for (const auto& [keys, expected] : mistakes)
        CHECK(refusal(jump_with(keys)) == fmt::format("x.toml:{}", expected));
}

TEST_CASE("a mistake in the frame of a profile is refused where it stands")
{
    const std::string hint_chain = chain_in("mangle", "KUBE-IPTABLES-HINT");
    const std::vector<std::pair<std::string, std::string_view>> mistakes{
        {"", "1:1: 'since' is missing here"},
        {"since = \"1.27\"\ntested_to = 1.36", "2:13: 'tested_to' must be a string, not a floating-point number"},
        {"since = \"1.27\"\ntested_to = \"x\"",
         R"(2:13: 'x' is not a version of Kubernetes: write it as "1.27" or "v1.27.3")"},
        {"since = \"1.27\"\ntested_to = \"1.26\"", "2:13: 'tested_to' must not be older than 'since', 1.27"},
        {"since = 1.27", "1:9: 'since' must be a string, not a floating-point number"},
        {"since = \"soon\"", R"(1:9: 'soon' is not a version of Kubernetes: write it as "1.27" or "v1.27.3")"},
        {profile_with("chains = 1\n"), "2:1: unknown key 'chains'; did you mean 'chain'?"},
        {"since = \"1.27\"\nchain = 1", "2:9: 'chain' must be an array of tables, not an integer"},
        {profile_with("[[chain]]\nname = \"KUBE-FIREWALL\"\n"), "2:1: 'table' is missing here"},
        {profile_with("[[chain]]\ntable = \"filter\"\n"), "2:1: 'name' is missing here"},
        {profile_with(chain_in("raw", "KUBE-FIREWALL")), "3:9: unknown word 'raw'; known: mangle, nat, filter"},
        {profile_with(hint_chain + hint_chain), "7:8: 'KUBE-IPTABLES-HINT' stands here twice in table mangle"},
        {profile_with(hint_chain + "families = [\"ipv5\"]\n"), "5:13: unknown word 'ipv5'; did you mean 'ipv4'?"},
        {"since = \"1.27\"\n", "1:1: the last [[chain]] of family ipv4 must be KUBE-KUBELET-CANARY of table mangle"},
        {profile_with("") + hint_chain,
         "1:1: the last [[chain]] of family ipv4 must be KUBE-KUBELET-CANARY of table mangle"},
        {profile_with("") + chain_in("nat", "KUBE-KUBELET-CANARY"),
         "1:1: the last [[chain]] of family ipv4 must be KUBE-KUBELET-CANARY of table mangle"},
        {profile_with("") + "families = [\"ipv4\"]\n",
         "1:1: the last [[chain]] of family ipv6 must be KUBE-KUBELET-CANARY of table mangle"},
    };
    for (const auto& [text, expected] : mistakes)
        CHECK(refusal(text) == fmt::format("x.toml:{}", expected));
}

TEST_CASE("a rule or a chain of one family is not in the other")
{
    const auto text =
        profile_with(chain_in("filter", "KUBE-FIREWALL") +
                     "[[chain.rule]]\nfamilies = [\"ipv6\"]\nsource = \"! fe80::/16\"\nverdict = \"DROP\"\n" +
                     chain_in("mangle", "KUBE-IPTABLES-HINT") + "families = [\"ipv4\"]\n");
    const auto profile = parse_profile(text, "x.toml");
    REQUIRE(profile.has_value());
    CHECK(lines_of(profile->ipv4) ==
          Lines{"filter :KUBE-FIREWALL", "mangle :KUBE-IPTABLES-HINT", "mangle :KUBE-KUBELET-CANARY"});
    CHECK(lines_of(profile->ipv6) ==
          Lines{"filter :KUBE-FIREWALL", "-A KUBE-FIREWALL ! -s fe80::/16 -j DROP", "mangle :KUBE-KUBELET-CANARY"});
}

}  // namespace chainkeeper::policies
