// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/rule.hpp"

#include "tests/support/kubelet.hpp"

#include <doctest/doctest.h>
#include <linux/netfilter/xt_conntrack.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chainkeeper::repair {

namespace {

Rule commented(std::string text)
{
    return {
        .source = {}, .destination = {}, .matches = {CommentMatch{.text = std::move(text)}}, .target = Verdict::accept};
}

}  // namespace

TEST_CASE("families and tables are known by their names, and by no others")
{
    for (const auto family : all_families)
        CHECK(family_from_string(to_string(family)) == family);
    for (const auto table : all_tables)
        CHECK(table_from_string(to_string(table)) == table);
    CHECK(to_string(Family::ipv4) == "ipv4");
    CHECK(to_string(Family::ipv6) == "ipv6");
    CHECK(to_string(Table::mangle) == "mangle");
    for (const auto* const name : {"", "ip", "IPV4", "ipv4 "})
        CHECK_FALSE(family_from_string(name));
    for (const auto* const name : {"", "raw", "security", "Filter"})
        CHECK_FALSE(table_from_string(name));
}

TEST_CASE("a prefix of whole bytes is read and written back")
{
    for (const auto* const text : {"127.0.0.0/8", "10.244.0.0/16", "192.168.1.0/24", "10.0.0.1/32"}) {
        const auto prefix = prefix_from_string(Family::ipv4, text);
        REQUIRE(prefix);
        CHECK(to_string(Family::ipv4, *prefix) == text);
    }
    for (const auto* const text : {"fd00::/8", "2001:db8::/32", "::1/128"}) {
        const auto prefix = prefix_from_string(Family::ipv6, text);
        REQUIRE(prefix);
        CHECK(to_string(Family::ipv6, *prefix) == text);
    }
}

TEST_CASE("what is no prefix of whole bytes is refused")
{
    for (const auto* const text :
         {"", "/", "127.0.0.0", "127.0.0.0/", "/8", "127.0.0.0/0", "127.0.0.0/12", "127.0.0.0/33", "127.0.0.0/40",
          "127.0.0.0/264", "127.0.0.0/-8", "127.0.0.0/8 ", "127.0.0/8", "localhost/8", "::1/128", "127.0.0.0/8/8"})
        CHECK_MESSAGE(!prefix_from_string(Family::ipv4, text), text);
    for (const auto* const text : {"fe80::/10", "::/0", "::1/129", "::1/136", "127.0.0.0/8", "gd00::/8"})
        CHECK_MESSAGE(!prefix_from_string(Family::ipv6, text), text);
}

TEST_CASE("conntrack states have the names and bits of --ctstate")
{
    CHECK(conntrack_state_from_string("INVALID") == XT_CONNTRACK_STATE_INVALID);
    CHECK(conntrack_state_from_string("ESTABLISHED") == XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED));
    CHECK(conntrack_state_from_string("RELATED") == XT_CONNTRACK_STATE_BIT(IP_CT_RELATED));
    CHECK(conntrack_state_from_string("NEW") == XT_CONNTRACK_STATE_BIT(IP_CT_NEW));
    CHECK(conntrack_state_from_string("UNTRACKED") == XT_CONNTRACK_STATE_UNTRACKED);
    CHECK(conntrack_state_from_string("SNAT") == XT_CONNTRACK_STATE_SNAT);
    CHECK(conntrack_state_from_string("DNAT") == XT_CONNTRACK_STATE_DNAT);
    CHECK_FALSE(conntrack_state_from_string("dnat"));
    CHECK_FALSE(conntrack_state_from_string("NEW,DNAT"));
    CHECK_FALSE(conntrack_state_from_string(""));
}

TEST_CASE("kubelet's rules read as iptables-save prints them")
{
    using namespace tests;
    CHECK(to_string(Family::ipv4, localnet_rule()) ==
          "! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment \"block incoming localnet connections\" -m conntrack ! "
          "--ctstate RELATED,ESTABLISHED,DNAT -j DROP");
    CHECK(to_string(Family::ipv6, marked_rule()) ==
          "-m comment --comment \"kubernetes firewall for dropping marked packets\" -m mark --mark 0x8000/0x8000 -j "
          "DROP");
    CHECK(to_string(Family::ipv4, firewall_jump()) == "-j KUBE-FIREWALL");
    CHECK(to_string(Family::ipv4, clear_mark_rule()) == "-j MARK --set-xmark 0x4000/0x0");
    CHECK(to_string(Family::ipv4, unmarked_return_rule()) == "-m mark ! --mark 0x4000/0x4000 -j RETURN");
    CHECK(to_string(Family::ipv6, masquerade_rule()) ==
          "-m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully");
}

TEST_CASE("a comment is quoted, and keeps its control characters to itself")
{
    const auto text = [](std::string comment) { return to_string(Family::ipv4, commented(std::move(comment))); };
    CHECK(text("") == R"(-m comment --comment "" -j ACCEPT)");
    CHECK(text(R"(it's "so" \ far)") == R"(-m comment --comment "it\'s \"so\" \\ far" -j ACCEPT)");
    CHECK(text("one\ntwo\tthree\r\x1b[31mred\x7f\x01") ==
          R"(-m comment --comment "one?two?three??[31mred??" -j ACCEPT)");
    CHECK(text(std::string{"a\0b", 3}) == R"(-m comment --comment a?b -j ACCEPT)");
    CHECK(text("gr\xc3\xbc\xc3\x9f dich") == "-m comment --comment \"gr\xc3\xbc\xc3\x9f dich\" -j ACCEPT");
}

TEST_CASE("bytes that are no UTF-8 do not get into a text")
{
    const auto text = [](std::string comment) {
        auto line = to_string(Family::ipv4, commented(std::move(comment)));
        line.resize(line.size() - std::string_view{" -j ACCEPT"}.size());
        return line.substr(std::string_view{"-m comment --comment "}.size());
    };
    CHECK(text("caf\xe9") == "caf?");
    CHECK(text("\xff\xfe") == "??");
    CHECK(text("\xc3") == "?");
    CHECK(text("\xe2\x82") == "??");
    CHECK(text("\xe2\x82\xac") == "\xe2\x82\xac");
    CHECK(text("\xf0\x9f\x90\xa7") == "\xf0\x9f\x90\xa7");
    CHECK(text("\xc0\xaf") == "??");            // overlong
    CHECK(text("\xe0\x80\xaf") == "???");       // overlong
    CHECK(text("\xf0\x80\x80\xaf") == "????");  // overlong
    CHECK(text("\xed\xa0\x80") == "???");       // a surrogate
    CHECK(text("\xee\x80\x80") == "\xee\x80\x80");
    CHECK(text("\xf4\x90\x80\x80") == "????");  // past the last character
    CHECK(text("\xc2\x9b[31m") == "?[31m");     // the control character that ESC [ stands for
    CHECK(text("\xc2\xa0") == "\xc2\xa0");
}

TEST_CASE("the name of a chain keeps its control characters to itself")
{
    const Rule rule{.source = {}, .destination = {}, .matches = {}, .target = Jump{.chain = "a\x1b[2J\n\xff"}};
    CHECK(to_string(Family::ipv4, rule) == R"(-j "a?[2J??")");
}

TEST_CASE("the arguments are those of iptables, each as it is")
{
    CHECK(arguments_of(Family::ipv4, tests::localnet_rule()) ==
          std::vector<std::string>{"!", "-s", "127.0.0.0/8", "-d", "127.0.0.0/8", "-m", "comment", "--comment",
                                   "block incoming localnet connections", "-m", "conntrack", "!", "--ctstate",
                                   "RELATED,ESTABLISHED,DNAT", "-j", "DROP"});
    CHECK(arguments_of(Family::ipv4, commented("it's\n\xff")) ==
          std::vector<std::string>{"-m", "comment", "--comment", "it's\n\xff", "-j", "ACCEPT"});
    CHECK(arguments_of(Family::ipv4, tests::masquerade_rule()).back() == "--random-fully");
}

TEST_CASE("a rule with comments only matches everything")
{
    Rule rule = commented("for all");
    CHECK(matches_everything(rule));
    rule.matches.emplace_back(MarkMatch{});
    CHECK_FALSE(matches_everything(rule));
    rule.matches.clear();
    CHECK(matches_everything(rule));
    CHECK_FALSE(matches_everything(tests::localnet_rule()));
    rule.destination = AddressMatch{.prefix = *prefix_from_string(Family::ipv4, "10.0.0.0/8"), .inverted = false};
    CHECK_FALSE(matches_everything(rule));
    rule.source = std::exchange(rule.destination, std::nullopt);
    CHECK_FALSE(matches_everything(rule));
}

TEST_CASE("the effect of a rule is its addresses, its target and the kinds of its matches")
{
    const auto rule = tests::localnet_rule();
    auto other = rule;
    other.matches.clear();
    CHECK_FALSE(same_effect(rule, other));
    other.matches = {ConntrackMatch{.states = 1, .inverted = false}};
    CHECK(same_effect(rule, other));
    other.target = Verdict::accept;
    CHECK_FALSE(same_effect(rule, other));
    other = rule;
    other.source->inverted = false;
    CHECK_FALSE(same_effect(rule, other));
    other = rule;
    other.destination.reset();
    CHECK_FALSE(same_effect(rule, other));
}

}  // namespace chainkeeper::repair
