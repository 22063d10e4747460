// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/rule_decode.hpp"

#include "tests/support/kubelet.hpp"
#include "tests/support/message_bytes.hpp"
#include "tests/unit/fixtures/captured_rules.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// What iptables wrote and the kernel dumped.
namespace chainkeeper::repair::nft {

namespace {

using tests::cut_short;

std::vector<std::byte> message_of(const CapturedRule& captured)
{
    const auto bytes = repair::bytes_of(captured.message);
    const auto view = std::as_bytes(std::span{bytes});
    return {view.begin(), view.end()};
}

Result<ObservedRule> decoded(Family family, std::span<const std::byte> bytes)
{
    const auto message = take_message(bytes);
    REQUIRE(message);
    return decode_rule(family, *message);
}

ObservedRule decoded(const CapturedRule& captured)
{
    auto observed = decoded(captured.family, message_of(captured));
    REQUIRE(observed);
    return *std::move(observed);
}

// What iptables was told, and the rule that this is, for all that kubelet writes.
std::map<std::string_view, Rule> kubelets_rules()
{
    using namespace tests;
    return {
        {"-j KUBE-FIREWALL", firewall_jump()},
        {R"(! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP)",
         localnet_rule()},
        {R"(-m comment --comment "kubernetes firewall for dropping marked packets" -m mark --mark 0x8000/0x8000 -j DROP)",
         marked_rule()},
        {"-j MARK --set-xmark 0x8000/0x8000", mark_drop_rule()},
        {"-j MARK --set-xmark 0x4000/0x4000", mark_masq_rule()},
        {R"(-m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING)", postrouting_jump()},
        {"-m mark ! --mark 0x4000/0x4000 -j RETURN", unmarked_return_rule()},
        {"-j MARK --set-xmark 0x4000/0x0", clear_mark_rule()},
        {R"(-m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully)",
         masquerade_rule()},
    };
}

// In words that none of kubelet's rules has.
bool is_foreign(std::string_view arguments)
{
    static const std::set<std::string_view> foreign{
        "-g KUBE-FIREWALL",
        "-s 10.0.0.1/32",
        "-s 172.16.0.0/12 -j ACCEPT",
        "-s fe80::/10 -j ACCEPT",
        "-i lo -j ACCEPT",
        "! -o cali+ -j ACCEPT",
        "-p tcp -j ACCEPT",
        "-p tcp -m tcp --dport 22 -j ACCEPT",
        "-m state --state RELATED,ESTABLISHED -j ACCEPT",
        "-m limit --limit 5/min -j ACCEPT",
        "-m addrtype --dst-type LOCAL -j KUBE-FIREWALL",
        "-j REJECT --reject-with icmp-port-unreachable",
        "-j REJECT --reject-with icmp6-port-unreachable",
        R"(-j LOG --log-prefix "dropped: ")",
        "-p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.2:8080",
    };
    return foreign.contains(arguments);
}

}  // namespace

TEST_CASE("every version's form of kubelet's rules is the same rule")
{
    const auto expected = kubelets_rules();
    std::map<std::string_view, std::string> versions;
    for (const auto& captured : captured_rules) {
        const auto wanted = expected.find(captured.arguments);
        if (wanted == expected.end())
            continue;
        CAPTURE(captured.iptables_versions);
        CAPTURE(captured.arguments);
        const auto observed = decoded(captured);
        CHECK(observed.rule == wanted->second);
        CHECK(observed.dialect == Dialect::iptables);
        CHECK(observed.handle != 0);
        versions[captured.arguments] += std::string{captured.iptables_versions} + " ";
    }
    CHECK(versions.size() == expected.size());
    for (const auto& entry : versions)
        for (const auto* const version : {"1.8.7", "1.8.9", "1.8.11"})
            CHECK_MESSAGE(entry.second.find(version) != std::string::npos, entry.first, " of ", version);
}

TEST_CASE("a captured rule in kubelet's words reads as what iptables was told, any other has no rule")
{
    for (const auto& captured : captured_rules) {
        CAPTURE(captured.iptables_versions);
        CAPTURE(captured.arguments);
        const auto observed = decoded(captured);
        CHECK(observed.rule.has_value() == !is_foreign(captured.arguments));
        if (observed.rule)
            CHECK(to_string(captured.family, *observed.rule) == captured.arguments);
        CHECK_FALSE(observed.expressions.empty());
    }
}

TEST_CASE("the expressions of a rule are named in its report")
{
    const auto* const localnet = std::ranges::find_if(captured_rules, [](const auto& captured) {
        return captured.arguments.find("-m comment") != std::string_view::npos &&
               captured.arguments.find("-m conntrack !") > captured.arguments.find("-m comment");
    });
    REQUIRE(localnet != captured_rules.end());
    CHECK(decoded(*localnet).expressions == "payload cmp payload cmp match:comment match:conntrack counter immediate");
}

TEST_CASE("a message cut short anywhere makes no rule, and an error as long as its handle is not there")
{
    for (const auto& captured : captured_rules) {
        const auto whole = message_of(captured);
        for (std::size_t size = sizeof(std::uint32_t) * 4; size < whole.size(); ++size) {
            const auto observed = decoded(captured.family, cut_short(whole, size));
            if (observed) {
                CHECK(observed->handle != 0);
                CHECK_FALSE(observed->rule);
            }
        }
        CHECK_FALSE(decoded(captured.family, cut_short(whole, 20)));
    }
}

TEST_CASE("a message with any byte changed is read without harm")
{
    std::size_t rules = 0;
    for (const auto& captured : captured_rules) {
        const auto whole = message_of(captured);
        for (std::size_t at = sizeof(std::uint32_t); at < whole.size(); ++at)
            for (const auto changed :
                 {std::byte{0}, std::byte{0xff}, whole[at] ^ std::byte{1}, whole[at] ^ std::byte{4}}) {
                auto bytes = whole;
                bytes[at] = changed;
                const auto observed = decoded(captured.family, bytes);
                rules += observed && observed->rule ? 1 : 0;
            }
    }
    CHECK(rules > captured_rules.size());
}

}  // namespace chainkeeper::repair::nft
