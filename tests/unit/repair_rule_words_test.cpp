// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/rule_decode.hpp"

#include "tests/support/kubelet.hpp"
#include "tests/support/message_bytes.hpp"

#include <doctest/doctest.h>
#include <functional>
#include <initializer_list>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <span>
#include <utility>
#include <vector>

// Messages written by hand: what nft writes, and what nobody does.
namespace chainkeeper::repair::nft {

namespace {

using tests::MessageBytes;

constexpr std::uint16_t new_rule = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE;
constexpr std::uint8_t comment_type = 0;  // NFTNL_UDATA_RULE_COMMENT

Result<ObservedRule> decoded(std::span<const std::byte> bytes)
{
    const auto message = take_message(bytes);
    REQUIRE(message);
    return decode_rule(Family::ipv4, *message);
}

using Expression = std::function<void(MessageBytes&)>;

MessageBytes rule_message(std::initializer_list<std::pair<const char*, Expression>> expressions)
{
    MessageBytes message{new_rule};
    message.netfilter(NFPROTO_IPV4).text(NFTA_RULE_TABLE, "filter").text(NFTA_RULE_CHAIN, "KUBE-FIREWALL");
    message.u64(NFTA_RULE_HANDLE, 7).begin(NFTA_RULE_EXPRESSIONS);
    for (const auto& [name, write] : expressions) {
        message.begin(NFTA_LIST_ELEM).text(NFTA_EXPR_NAME, name).begin(NFTA_EXPR_DATA);
        write(message);
        message.end().end();
    }
    message.end();
    return message;
}

void nothing(MessageBytes& /*message*/) {}

Expression verdict(int code)
{
    return [code](MessageBytes& message) {
        message.u32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT).begin(NFTA_IMMEDIATE_DATA).begin(NFTA_DATA_VERDICT);
        message.u32(NFTA_VERDICT_CODE, static_cast<std::uint32_t>(code)).end().end();
    };
}

Expression load_mark(std::uint32_t reg)
{
    return [reg](MessageBytes& message) { message.u32(NFTA_META_KEY, NFT_META_MARK).u32(NFTA_META_DREG, reg); };
}

Expression load_ct(nft_ct_keys key)
{
    return [key](MessageBytes& message) {
        message.u32(NFTA_CT_KEY, static_cast<std::uint32_t>(key)).u32(NFTA_CT_DREG, NFT_REG_1);
    };
}

Expression load_address(std::uint32_t offset, std::uint32_t size)
{
    return [=](MessageBytes& message) {
        message.u32(NFTA_PAYLOAD_DREG, NFT_REG_1).u32(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
        message.u32(NFTA_PAYLOAD_OFFSET, offset).u32(NFTA_PAYLOAD_LEN, size);
    };
}

// Register 1, in the host's order.
Expression bitwise(std::uint32_t mask, std::uint32_t flipped = 0)
{
    return [=](MessageBytes& message) {
        message.u32(NFTA_BITWISE_SREG, NFT_REG_1).u32(NFTA_BITWISE_DREG, NFT_REG_1).u32(NFTA_BITWISE_LEN, 4);
        message.begin(NFTA_BITWISE_MASK).attribute(NFTA_DATA_VALUE, tests::bytes_of(mask)).end();
        message.begin(NFTA_BITWISE_XOR).attribute(NFTA_DATA_VALUE, tests::bytes_of(flipped)).end();
    };
}

template <typename Value>
Expression compare(nft_cmp_ops operation, Value value, std::uint32_t reg = NFT_REG_1)
{
    return [=](MessageBytes& message) {
        message.u32(NFTA_CMP_SREG, reg).u32(NFTA_CMP_OP, static_cast<std::uint32_t>(operation));
        message.begin(NFTA_CMP_DATA).attribute(NFTA_DATA_VALUE, tests::bytes_of(value)).end();
    };
}

Expression store_mark()
{
    return [](MessageBytes& message) { message.u32(NFTA_META_KEY, NFT_META_MARK).u32(NFTA_META_SREG, NFT_REG_1); };
}

ObservedRule observed(MessageBytes message)
{
    auto rule = decoded(message.bytes());
    REQUIRE(rule);
    CHECK(rule->handle == 7);
    return *std::move(rule);
}

MessageBytes with_user_data(MessageBytes message, std::initializer_list<std::uint8_t> bytes)
{
    message.attribute(NFTA_RULE_USERDATA, std::as_bytes(std::span{bytes.begin(), bytes.size()}));
    return message;
}

}  // namespace

TEST_CASE("nft's own words for a jump and a verdict are the same rule, with and without a counter")
{
    CHECK(observed(rule_message({{"immediate", verdict(NF_DROP)}})).rule->target == Target{Verdict::drop});
    const auto counted = observed(rule_message({{"counter", nothing}, {"immediate", verdict(NF_DROP)}}));
    CHECK(matches_everything(*counted.rule));
    CHECK(counted.dialect == Dialect::iptables);
}

TEST_CASE("nft's own mark match is the same rule")
{
    const auto message = rule_message({{"meta", load_mark(NFT_REG_1)},
                                       {"bitwise", bitwise(0x4000)},
                                       {"cmp", compare(NFT_CMP_NEQ, std::uint32_t{0x4000})},
                                       {"immediate", verdict(NFT_RETURN)}});
    CHECK(observed(message).rule == tests::unmarked_return_rule());
    CHECK(observed(message).dialect == Dialect::iptables);
}

TEST_CASE("the order of source and destination makes no difference")
{
    const auto is_10 = compare(NFT_CMP_EQ, std::uint8_t{10});
    const auto is_127 = compare(NFT_CMP_NEQ, std::uint8_t{127});
    const auto one = rule_message({{"payload", load_address(12, 1)},
                                   {"cmp", is_10},
                                   {"payload", load_address(16, 1)},
                                   {"cmp", is_127},
                                   {"immediate", verdict(NF_DROP)}});
    const auto other = rule_message({{"payload", load_address(16, 1)},
                                     {"cmp", is_127},
                                     {"payload", load_address(12, 1)},
                                     {"cmp", is_10},
                                     {"immediate", verdict(NF_DROP)}});
    REQUIRE(observed(one).rule);
    CHECK(observed(one).rule == observed(other).rule);
    CHECK(to_string(Family::ipv4, *observed(one).rule) == "-s 10.0.0.0/8 ! -d 127.0.0.0/8 -j DROP");
}

TEST_CASE("nft's ct, masq and setting of a mark are read, and known as words that iptables does not read")
{
    const auto by_ct = observed(rule_message({{"ct", load_ct(NFT_CT_STATUS)},
                                              {"bitwise", bitwise(IPS_DST_NAT)},
                                              {"cmp", compare(NFT_CMP_EQ, std::uint32_t{0})},
                                              {"immediate", verdict(NF_DROP)}}));
    CHECK(by_ct.dialect == Dialect::native);
    CHECK(to_string(Family::ipv4, *by_ct.rule) == "-m conntrack ! --ctstate DNAT -j DROP");

    const auto by_state = observed(rule_message({{"ct", load_ct(NFT_CT_STATE)},
                                                 {"bitwise", bitwise(NF_CT_STATE_BIT(IP_CT_RELATED))},
                                                 {"cmp", compare(NFT_CMP_NEQ, std::uint32_t{0})},
                                                 {"immediate", verdict(NF_ACCEPT)}}));
    CHECK(by_state.dialect == Dialect::native);
    CHECK(to_string(Family::ipv4, *by_state.rule) == "-m conntrack --ctstate RELATED -j ACCEPT");

    const auto masquerade = observed(rule_message(
        {{"masq", [](MessageBytes& message) { message.u32(NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY); }}}));
    CHECK(masquerade.dialect == Dialect::native);
    CHECK(masquerade.rule->target == Target{Masquerade{.random_fully = true}});

    const auto mark = observed(
        rule_message({{"meta", load_mark(NFT_REG_1)}, {"bitwise", bitwise(~0x8000U, 0x8000)}, {"meta", store_mark()}}));
    CHECK(mark.dialect == Dialect::native);
    CHECK(mark.rule == tests::mark_drop_rule());
}

TEST_CASE("a comment of nft's is a last comment match in words that iptables reads")
{
    const auto drop = rule_message({{"immediate", verdict(NF_DROP)}});
    const auto commented = observed(with_user_data(drop, {comment_type, 3, 'h', 'i', 0}));
    CHECK(commented.dialect == Dialect::readable);
    CHECK(to_string(Family::ipv4, *commented.rule) == R"(-m comment --comment hi -j DROP)");

    const auto unended = observed(with_user_data(drop, {comment_type, 2, 'h', 'i'}));
    CHECK(to_string(Family::ipv4, *unended.rule) == R"(-m comment --comment hi -j DROP)");

    const auto other = observed(with_user_data(drop, {1, 2, 'h', 'i'}));
    CHECK(other.dialect == Dialect::iptables);
    CHECK(to_string(Family::ipv4, *other.rule) == "-j DROP");
}

TEST_CASE("user data that claims more bytes than there are is no comment")
{
    const auto drop = rule_message({{"immediate", verdict(NF_DROP)}});
    for (const auto& bytes : {std::initializer_list<std::uint8_t>{comment_type, 255, 'h', 'i'},
                              {comment_type, 3, 'h', 'i'},
                              {comment_type, 1},
                              {comment_type},
                              {1, 200, 0, 4}}) {
        const auto rule = observed(with_user_data(drop, bytes));
        CHECK(rule.dialect == Dialect::iptables);
        CHECK(to_string(Family::ipv4, *rule.rule) == "-j DROP");
    }
}

TEST_CASE("expressions that do not belong together make no rule")
{
    const auto mark = load_mark(NFT_REG_1);
    const auto is_set = compare(NFT_CMP_EQ, std::uint32_t{1});
    const auto drop = verdict(NF_DROP);
    const auto rejects = [](std::initializer_list<std::pair<const char*, Expression>> expressions) {
        CHECK_FALSE(observed(rule_message(expressions)).rule);
    };
    rejects({});
    rejects({{"counter", nothing}});
    rejects({{"cmp", is_set}, {"immediate", drop}});
    rejects({{"bitwise", bitwise(1)}, {"immediate", drop}});
    rejects({{"meta", store_mark()}});
    rejects({{"meta", mark}, {"meta", store_mark()}});
    rejects({{"meta", mark}, {"immediate", drop}});
    rejects({{"meta", mark}, {"meta", mark}, {"cmp", is_set}, {"immediate", drop}});
    rejects({{"meta", mark}, {"bitwise", bitwise(1)}, {"bitwise", bitwise(1)}, {"cmp", is_set}, {"immediate", drop}});
    rejects({{"meta", mark}, {"bitwise", bitwise(1, 1)}, {"cmp", is_set}, {"immediate", drop}});
    rejects({{"meta", load_mark(NFT_REG_2)}, {"cmp", is_set}, {"immediate", drop}});
    rejects({{"meta", mark}, {"cmp", compare(NFT_CMP_LT, std::uint32_t{1})}, {"immediate", drop}});
    rejects({{"meta", mark}, {"cmp", compare(NFT_CMP_EQ, std::uint16_t{1})}, {"immediate", drop}});
    rejects({{"immediate", drop}, {"immediate", drop}});
    rejects({{"immediate", drop}, {"meta", mark}, {"cmp", is_set}});
    rejects({{"immediate", verdict(NFT_JUMP)}});
    rejects({{"immediate", verdict(NF_QUEUE)}});
    rejects({{"immediate", nothing}});
    rejects({{"payload", load_address(9, 1)}, {"cmp", compare(NFT_CMP_EQ, std::uint8_t{6})}, {"immediate", drop}});
    rejects({{"payload", load_address(12, 8)}, {"cmp", compare(NFT_CMP_EQ, std::uint64_t{6})}, {"immediate", drop}});
    rejects({{"ct", nothing}, {"bitwise", bitwise(1)}, {"cmp", is_set}, {"immediate", drop}});
    rejects({{"meta", mark}, {"cmp", nothing}, {"immediate", drop}});
    rejects({{"payload", nothing}, {"cmp", nothing}, {"immediate", drop}});
    rejects({{"", nothing}, {"immediate", drop}});
    rejects({{"ct", load_ct(NFT_CT_STATE)}, {"cmp", is_set}, {"immediate", drop}});
    rejects({{"ct", load_ct(NFT_CT_MARK)}, {"cmp", is_set}, {"immediate", drop}});
}

TEST_CASE("extensions without a name, without bytes or with too few make no rule")
{
    const auto drop = verdict(NF_DROP);
    const auto named = [](const char* name, std::size_t size) {
        return [=](MessageBytes& message) {
            message.text(NFTA_MATCH_NAME, name).u32(NFTA_MATCH_REV, 0);
            message.attribute(NFTA_MATCH_INFO, std::vector<std::byte>(size));
        };
    };
    CHECK(observed(rule_message({{"match", named("comment", 256)}, {"immediate", drop}})).rule);
    CHECK_FALSE(observed(rule_message({{"match", named("comment", 255)}, {"immediate", drop}})).rule);
    CHECK_FALSE(observed(rule_message({{"match", named("", 256)}, {"immediate", drop}})).rule);
    const auto nameless = observed(rule_message({{"match", nothing}, {"immediate", drop}}));
    CHECK_FALSE(nameless.rule);
    CHECK(nameless.expressions == "match immediate");
    CHECK_FALSE(observed(rule_message({{"target", nothing}})).rule);
}

TEST_CASE("an expression that nobody knows yet leaves the handle, and no rule")
{
    const auto message = rule_message({{"from_the_future", nothing}, {"immediate", verdict(NF_DROP)}});
    const auto rule = observed(message);
    CHECK_FALSE(rule.rule);
    CHECK_FALSE(rule.expressions.empty());
}

TEST_CASE("a message without a handle is an error")
{
    MessageBytes message{new_rule};
    CHECK_FALSE(decoded(message.bytes()));
    message.netfilter(NFPROTO_IPV4);
    CHECK_FALSE(decoded(message.bytes()));
    message.text(NFTA_RULE_TABLE, "filter").text(NFTA_RULE_CHAIN, "KUBE-FIREWALL");
    const auto refused = decoded(message.bytes());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::protocol);
}

}  // namespace chainkeeper::repair::nft
