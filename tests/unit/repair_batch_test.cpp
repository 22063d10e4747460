// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/batch.hpp"

#include "repair/nft/rule_decode.hpp"
#include "tests/support/kubelet.hpp"
#include "tests/unit/fixtures/captured_rules.hpp"

#include <cstring>
#include <doctest/doctest.h>
#include <functional>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netlink.h>
#include <map>
#include <string>
#include <vector>

namespace chainkeeper::repair::nft {

namespace {

Plan plan_of(std::vector<Step> steps, Family family = Family::ipv4)
{
    return {.family = family, .generation = 0x01020304, .steps = std::move(steps)};
}

AddRule append(Rule rule)
{
    return {.table = Table::filter, .chain = "KUBE-FIREWALL", .rule = std::move(rule), .before = std::nullopt};
}

std::vector<Message> messages_of(const Batch& batch)
{
    std::vector<Message> messages;
    ByteView rest{batch.messages};
    while (const auto message = take_message(rest))
        messages.push_back(*message);
    CHECK(rest.empty());
    return messages;
}

Batch batch_of(const Plan& plan, std::uint32_t first_sequence = 100)
{
    auto batch = make_batch(plan, first_sequence);
    REQUIRE(batch);
    return *std::move(batch);
}

ByteView attributes_of(const Message& message)
{
    const auto payload = netfilter_payload(message);
    REQUIRE(payload);
    return payload->attributes;
}

unsigned type_of(const Message& message)
{
    return NFNL_MSG_TYPE(message.type);
}

// An attribute's bytes without NLA_F_NESTED, which libnftnl sets and the kernel leaves out.
std::vector<std::byte> plain(ByteView attributes)
{
    std::vector<std::byte> bytes;
    while (!attributes.empty()) {
        const auto before = attributes;
        const auto attribute = take_attribute(attributes);
        REQUIRE(attribute);
        nlattr header{};
        std::memcpy(&header, before.data(), sizeof header);
        const auto value = (header.nla_type & NLA_F_NESTED) != 0
                               ? plain(attribute->value)
                               : std::vector(attribute->value.begin(), attribute->value.end());
        header.nla_type &= NLA_TYPE_MASK;
        const auto header_bytes = std::as_bytes(std::span{&header, 1});
        bytes.insert(bytes.end(), header_bytes.begin(), header_bytes.end());
        bytes.insert(bytes.end(), value.begin(), value.end());
        bytes.resize((bytes.size() + 3) / 4 * 4);
    }
    return bytes;
}

// Name and bytes of each expression of a rule message. A counter's bytes are its numbers: they are left out.
std::vector<std::pair<std::string, std::vector<std::byte>>> expressions_of(const Message& message)
{
    auto list = find_attribute(attributes_of(message), NFTA_RULE_EXPRESSIONS).value_or(ByteView{});
    std::vector<std::pair<std::string, std::vector<std::byte>>> expressions;
    while (const auto expression = take_attribute(list)) {
        const std::string name{find_string(expression->value, NFTA_EXPR_NAME).value_or("")};
        const auto data = find_attribute(expression->value, NFTA_EXPR_DATA).value_or(ByteView{});
        expressions.emplace_back(name, name == "counter" ? std::vector<std::byte>{} : plain(data));
    }
    return expressions;
}

// By the text that iptables is given.
std::map<std::string, Rule, std::less<>> kubelets_rules()
{
    using namespace tests;
    std::map<std::string, Rule, std::less<>> by_text;
    for (const auto& rule : {firewall_jump(), localnet_rule(), marked_rule(), mark_drop_rule(), mark_masq_rule(),
                             postrouting_jump(), unmarked_return_rule(), clear_mark_rule(), masquerade_rule()})
        by_text.emplace(to_string(Family::ipv4, rule), rule);
    return by_text;
}

}  // namespace

TEST_CASE("rules are written byte for byte as iptables 1.8.7 writes them")
{
    const auto rules = kubelets_rules();
    std::size_t compared = 0;
    for (const auto& captured : captured_rules) {
        const auto rule = rules.find(captured.arguments);
        if (rule == rules.end() || captured.iptables_versions.find("1.8.7") == std::string_view::npos)
            continue;
        CAPTURE(captured.arguments);
        const auto batch = batch_of(plan_of({append(rule->second)}, captured.family));
        const auto bytes = repair::bytes_of(captured.message);
        auto rest = std::as_bytes(std::span{bytes});
        const auto expected = expressions_of(*take_message(rest));
        CHECK(expected.size() >= 2);
        CHECK(expressions_of(messages_of(batch).at(1)) == expected);
        ++compared;
    }
    CHECK(compared == 2 * rules.size() + 1);  // both families; two base chains jump; localnet is IPv4 only
}

TEST_CASE("a rule that was written is read as the same rule")
{
    for (const auto family : all_families)
        for (const auto& chain : tests::guarded_in_1_24(family).chains)
            for (const auto& rule : chain.rules) {
                const auto batch = batch_of(plan_of({append(rule)}, family));
                const auto messages = messages_of(batch);
                // The kernel gives the handle; the rest of the message is the same in both directions.
                std::vector<std::byte> message{messages.at(1).whole.begin(), messages.at(1).whole.end()};
                const std::array<std::uint8_t, 12> handle{12, 0, NFTA_RULE_HANDLE, 0, 0, 0, 0, 0, 0, 0, 0, 9};
                const auto handle_bytes = std::as_bytes(std::span{handle});
                message.insert(message.end(), handle_bytes.begin(), handle_bytes.end());
                const auto length = static_cast<std::uint32_t>(message.size());
                std::memcpy(message.data(), &length, sizeof length);
                ByteView rest{message};
                const auto read = decode_rule(family, *take_message(rest));
                REQUIRE(read);
                CHECK(read->handle == 9);
                CHECK(read->rule == rule);
                CHECK(read->dialect == Dialect::iptables);
            }
}

TEST_CASE("a batch begins with the generation and asks for one acknowledgement")
{
    const auto plan = plan_of({CreateTable{Table::mangle}, CreateChain{Table::mangle, "KUBE-IPTABLES-HINT"},
                               CreateChain{Table::mangle, "KUBE-KUBELET-CANARY"}});
    const auto batch = batch_of(plan);
    const auto messages = messages_of(batch);
    REQUIRE(messages.size() == 5);
    CHECK(messages.front().type == NFNL_MSG_BATCH_BEGIN);
    CHECK(find_u32(attributes_of(messages.front()), NFNL_BATCH_GENID) == plan.generation);
    CHECK(messages.back().type == NFNL_MSG_BATCH_END);
    for (std::size_t at = 0; at < messages.size(); ++at) {
        CHECK(messages[at].sequence == 100 + at);
        CHECK(((messages[at].flags & NLM_F_ACK) != 0) == (at == 3));
        CHECK((messages[at].flags & NLM_F_REQUEST) != 0);
    }
    CHECK(batch.first_sequence == 100);
    CHECK(batch.last_step_sequence == 103);
}

TEST_CASE("tables and chains are created, and not taken as they are")
{
    for (const auto family : all_families) {
        const auto batch =
            batch_of(plan_of({CreateTable{Table::nat}, CreateChain{Table::nat, "KUBE-MARK-DROP"}}, family));
        const auto messages = messages_of(batch);
        for (const auto at : {std::size_t{1}, std::size_t{2}}) {
            CHECK((messages.at(at).flags & (NLM_F_CREATE | NLM_F_EXCL)) == (NLM_F_CREATE | NLM_F_EXCL));
            CHECK(netfilter_payload(messages.at(at))->protocol ==
                  (family == Family::ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6));
        }
        CHECK(type_of(messages.at(1)) == NFT_MSG_NEWTABLE);
        CHECK(find_string(attributes_of(messages.at(1)), NFTA_TABLE_NAME) == "nat");
        CHECK(type_of(messages.at(2)) == NFT_MSG_NEWCHAIN);
        CHECK(find_string(attributes_of(messages.at(2)), NFTA_CHAIN_TABLE) == "nat");
        CHECK(find_string(attributes_of(messages.at(2)), NFTA_CHAIN_NAME) == "KUBE-MARK-DROP");
        CHECK_FALSE(find_attribute(attributes_of(messages.at(2)), NFTA_CHAIN_HOOK));
    }
}

TEST_CASE("a chain is deleted by its name, and not with the rules that it may hold")
{
    for (const auto family : all_families) {
        const auto batch = batch_of(plan_of({DeleteChain{Table::mangle, "KUBE-KUBELET-CANARY"}}, family));
        const auto messages = messages_of(batch);
        REQUIRE(messages.size() == 3);
        CHECK(type_of(messages[1]) == NFT_MSG_DELCHAIN);
        CHECK((messages[1].flags & NLM_F_NONREC) != 0);
        CHECK(netfilter_payload(messages[1])->protocol == (family == Family::ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6));
        CHECK(find_string(attributes_of(messages[1]), NFTA_CHAIN_TABLE) == "mangle");
        CHECK(find_string(attributes_of(messages[1]), NFTA_CHAIN_NAME) == "KUBE-KUBELET-CANARY");
        CHECK_FALSE(find_attribute(attributes_of(messages[1]), NFTA_CHAIN_HANDLE));
    }
}

TEST_CASE("a base chain has the hook, priority, type and default verdict that iptables gives it")
{
    struct Form {
        Table table;
        const char* chain;
        std::uint32_t hook;
        int priority;
        const char* type;
    };
    for (const auto& form : {
             Form{Table::filter, "INPUT", NF_INET_LOCAL_IN, 0, "filter"},
             Form{Table::filter, "FORWARD", NF_INET_FORWARD, 0, "filter"},
             Form{Table::filter, "OUTPUT", NF_INET_LOCAL_OUT, 0, "filter"},
             Form{Table::mangle, "PREROUTING", NF_INET_PRE_ROUTING, -150, "filter"},
             Form{Table::mangle, "OUTPUT", NF_INET_LOCAL_OUT, -150, "route"},
             Form{Table::nat, "PREROUTING", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST, "nat"},
             Form{Table::nat, "POSTROUTING", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC, "nat"},
         }) {
        const auto batch = batch_of(plan_of({CreateBaseChain{form.table, form.chain}}));
        const auto messages = messages_of(batch);
        const auto attributes = attributes_of(messages.at(1));
        const auto hook = find_attribute(attributes, NFTA_CHAIN_HOOK);
        REQUIRE(hook);
        CHECK(find_u32(*hook, NFTA_HOOK_HOOKNUM) == form.hook);
        CHECK(find_u32(*hook, NFTA_HOOK_PRIORITY) == static_cast<std::uint32_t>(form.priority));
        CHECK(find_string(attributes, NFTA_CHAIN_TYPE) == form.type);
        CHECK(find_u32(attributes, NFTA_CHAIN_POLICY) == static_cast<std::uint32_t>(NF_ACCEPT));
    }
}

TEST_CASE("a rule goes to the end, before another, or to the front as a jump")
{
    const auto batch = batch_of(plan_of({
        append(tests::localnet_rule()),
        AddRule{Table::filter, "KUBE-FIREWALL", tests::marked_rule(), RulePosition{.handle = 77, .number = 2}},
        InsertJump{Table::filter, "INPUT", tests::firewall_jump()},
        DeleteRule{Table::filter, "KUBE-FIREWALL", RulePosition{.handle = 78, .number = 3}, tests::marked_rule()},
    }));
    const auto messages = messages_of(batch);
    REQUIRE(messages.size() == 6);
    CHECK((messages[1].flags & NLM_F_APPEND) != 0);
    CHECK_FALSE(find_u64(attributes_of(messages[1]), NFTA_RULE_POSITION));
    CHECK((messages[2].flags & NLM_F_APPEND) == 0);
    CHECK(find_u64(attributes_of(messages[2]), NFTA_RULE_POSITION) == 77U);
    CHECK((messages[3].flags & NLM_F_APPEND) == 0);
    CHECK_FALSE(find_u64(attributes_of(messages[3]), NFTA_RULE_POSITION));
    CHECK(find_string(attributes_of(messages[3]), NFTA_RULE_CHAIN) == "INPUT");
    CHECK(type_of(messages[4]) == NFT_MSG_DELRULE);
    CHECK(find_u64(attributes_of(messages[4]), NFTA_RULE_HANDLE) == 78U);
    CHECK_FALSE(find_attribute(attributes_of(messages[4]), NFTA_RULE_EXPRESSIONS));
}

TEST_CASE("a plan that one datagram cannot hold is refused")
{
    std::vector<Step> steps(1000, append(tests::localnet_rule()));
    const auto refused = make_batch(plan_of(steps), 1);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().what == "the plan is too long for one transaction");
    steps.resize(100);
    CHECK(make_batch(plan_of(steps), 1));
}

}  // namespace chainkeeper::repair::nft
