// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/event.hpp"

#include "tests/support/message_bytes.hpp"
#include "tests/unit/fixtures/captured_rules.hpp"

#include <array>
#include <cstring>
#include <doctest/doctest.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string>
#include <vector>

namespace chainkeeper::repair::nft {

namespace {

using tests::MessageBytes;

constexpr std::uint16_t of_nf_tables(nf_tables_msg_types type)
{
    return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type);
}

// The events with their texts kept, as they are views.
struct Heard {
    struct Item {
        Change::Kind kind;
        Family family;
        std::string table;
        std::string chain;
        bool operator==(const Item&) const = default;
    };
    struct Commit {
        std::uint32_t id;
        std::uint32_t pid;
        std::string comm;
        bool operator==(const Commit&) const = default;
    };
    std::vector<Item> changes;
    std::vector<Commit> commits;
    unsigned malformed = 0;
};

Heard heard_of(ByteView datagram)
{
    Heard heard;
    heard.malformed = read_events(datagram, [&](const Event& event) {
        if (const auto* const change = std::get_if<Change>(&event))
            heard.changes.push_back(
                {change->kind, change->family, std::string{change->table}, std::string{change->chain}});
        else if (const auto* const commit = std::get_if<Generation>(&event))
            heard.commits.push_back({commit->id, commit->pid, std::string{commit->comm}});
    });
    return heard;
}

MessageBytes table_event(nf_tables_msg_types type, std::uint8_t protocol = NFPROTO_IPV4)
{
    return MessageBytes{of_nf_tables(type)}.netfilter(protocol).text(NFTA_TABLE_NAME, "filter");
}

MessageBytes chain_event(nf_tables_msg_types type, std::uint16_t flags = NLM_F_CREATE)
{
    auto message = MessageBytes{of_nf_tables(type), flags}.netfilter(NFPROTO_IPV6).text(NFTA_CHAIN_TABLE, "nat");
    return message.text(NFTA_CHAIN_NAME, "KUBE-KUBELET-CANARY");
}

MessageBytes rule_event(nf_tables_msg_types type)
{
    auto message = MessageBytes{of_nf_tables(type)}.netfilter(NFPROTO_IPV4).text(NFTA_RULE_TABLE, "filter");
    return message.text(NFTA_RULE_CHAIN, "INPUT").u64(NFTA_RULE_HANDLE, 7);
}

MessageBytes generation_event(std::uint32_t id)
{
    auto message = MessageBytes{of_nf_tables(NFT_MSG_NEWGEN)}.netfilter(NFPROTO_UNSPEC).u32(NFTA_GEN_ID, id);
    return message.u32(NFTA_GEN_PROC_PID, 4711).text(NFTA_GEN_PROC_NAME, "iptables-nft-re");
}

std::vector<std::byte> datagram_of(std::initializer_list<MessageBytes> messages)
{
    std::vector<std::byte> datagram;
    for (const auto& message : messages)
        datagram.insert(datagram.end(), message.bytes().begin(), message.bytes().end());
    return datagram;
}

}  // namespace

TEST_CASE("each kind of change is told, with where it was")
{
    const auto heard = heard_of(
        datagram_of({table_event(NFT_MSG_NEWTABLE), table_event(NFT_MSG_DELTABLE), chain_event(NFT_MSG_NEWCHAIN),
                     chain_event(NFT_MSG_NEWCHAIN, NLM_F_EXCL), chain_event(NFT_MSG_NEWCHAIN, 0),
                     chain_event(NFT_MSG_DELCHAIN), rule_event(NFT_MSG_NEWRULE), rule_event(NFT_MSG_DELRULE)}));
    using Kind = Change::Kind;
    const std::vector<Heard::Item> expected{
        {Kind::table_added, Family::ipv4, "filter", ""},
        {Kind::table_deleted, Family::ipv4, "filter", ""},
        {Kind::chain_added, Family::ipv6, "nat", "KUBE-KUBELET-CANARY"},
        {Kind::chain_added, Family::ipv6, "nat", "KUBE-KUBELET-CANARY"},
        {Kind::chain_changed, Family::ipv6, "nat", "KUBE-KUBELET-CANARY"},
        {Kind::chain_deleted, Family::ipv6, "nat", "KUBE-KUBELET-CANARY"},
        {Kind::rule_added, Family::ipv4, "filter", "INPUT"},
        {Kind::rule_deleted, Family::ipv4, "filter", "INPUT"},
    };
    CHECK(heard.changes == expected);
    CHECK(heard.commits.empty());
    CHECK(heard.malformed == 0);
}

TEST_CASE("the end of a transaction names its number and its writer")
{
    const auto heard = heard_of(datagram_of({rule_event(NFT_MSG_NEWRULE), generation_event(0xfffffffe)}));
    CHECK(heard.changes.size() == 1);
    CHECK(heard.commits == std::vector<Heard::Commit>{{0xfffffffe, 4711, "iptables-nft-re"}});
    CHECK(heard.malformed == 0);
}

TEST_CASE("a transaction whose writer the kernel does not tell is told without one")
{
    auto message = MessageBytes{of_nf_tables(NFT_MSG_NEWGEN)};
    message.netfilter(NFPROTO_UNSPEC).u32(NFTA_GEN_ID, 5);
    CHECK(heard_of(message.bytes()).commits == std::vector<Heard::Commit>{{5, 0, ""}});
}

TEST_CASE("the captured rules and chains are understood")
{
    const auto hear_all = [](const auto& captured_list, Change::Kind kind) {
        for (const auto& captured : captured_list) {
            const auto bytes = repair::bytes_of(captured.message);
            const auto heard = heard_of(std::as_bytes(std::span{bytes}));
            REQUIRE(heard.changes.size() == 1);
            CHECK(heard.changes.front().kind == kind);
            CHECK(heard.changes.front().family == captured.family);
            CHECK_FALSE(heard.changes.front().chain.empty());
            CHECK(heard.malformed == 0);
        }
    };
    hear_all(captured_rules, Change::Kind::rule_added);
    hear_all(captured_chains, Change::Kind::chain_changed);  // answers to a question, which have no flags
}

TEST_CASE("what is no business of kubelet's is passed over without a complaint")
{
    const auto heard = heard_of(datagram_of({
        table_event(NFT_MSG_NEWTABLE, NFPROTO_INET),
        table_event(NFT_MSG_DELTABLE, NFPROTO_ARP),
        table_event(NFT_MSG_NEWTABLE, NFPROTO_BRIDGE),
        table_event(NFT_MSG_NEWSET),
        table_event(NFT_MSG_DELFLOWTABLE),
        MessageBytes{NFNL_SUBSYS_CTNETLINK << 8},
        MessageBytes{NLMSG_DONE},
        MessageBytes{NLMSG_ERROR},
    }));
    CHECK(heard.changes.empty());
    CHECK(heard.malformed == 0);
}

TEST_CASE("a message that lacks what its kind must have is counted, and the rest is heard")
{
    const auto heard = heard_of(datagram_of({
        MessageBytes{of_nf_tables(NFT_MSG_NEWRULE)},
        MessageBytes{of_nf_tables(NFT_MSG_NEWRULE)}.netfilter(NFPROTO_IPV4).text(NFTA_RULE_TABLE, "filter"),
        MessageBytes{of_nf_tables(NFT_MSG_DELCHAIN)}.netfilter(NFPROTO_IPV4).text(NFTA_CHAIN_NAME, "INPUT"),
        MessageBytes{of_nf_tables(NFT_MSG_NEWTABLE)}.netfilter(NFPROTO_IPV6),
        MessageBytes{of_nf_tables(NFT_MSG_NEWGEN)}.netfilter(NFPROTO_UNSPEC).u32(NFTA_GEN_PROC_PID, 1),
        generation_event(8),
    }));
    CHECK(heard.malformed == 5);
    CHECK(heard.changes.empty());
    CHECK(heard.commits.size() == 1);
}

TEST_CASE("a datagram cut anywhere is heard as far as it goes, and the loss is counted")
{
    const auto first = rule_event(NFT_MSG_NEWRULE).bytes().size();
    const auto datagram = datagram_of({rule_event(NFT_MSG_NEWRULE), generation_event(8)});
    CHECK(heard_of({}).malformed == 0);
    for (std::size_t size = 1; size < datagram.size(); ++size) {
        const std::vector<std::byte> cut{datagram.begin(), datagram.begin() + static_cast<std::ptrdiff_t>(size)};
        const auto heard = heard_of(cut);
        CHECK(heard.changes.size() == (size >= first ? 1 : 0));
        CHECK(heard.commits.empty());
        CHECK(heard.malformed == (size == first ? 0 : 1));
    }
}

TEST_CASE("a message that is shorter than its parts is counted, and does no harm")
{
    for (const auto& whole : {rule_event(NFT_MSG_NEWRULE), chain_event(NFT_MSG_DELCHAIN), table_event(NFT_MSG_NEWTABLE),
                              generation_event(8)})
        for (std::size_t size = sizeof(nlmsghdr); size < whole.bytes().size(); ++size) {
            const auto heard = heard_of(tests::cut_short(whole.bytes(), size));
            CHECK(heard.changes.size() + heard.commits.size() + heard.malformed == 1);
        }
}

TEST_CASE("absurd lengths end the reading, counted once")
{
    const auto good = rule_event(NFT_MSG_NEWRULE);
    for (const auto length : {0U, 3U, 15U, 0x10000U, 0x7fffffffU, 0xffffffffU}) {
        auto datagram = datagram_of({good, good});
        std::memcpy(datagram.data() + good.bytes().size(), &length, sizeof length);
        const auto heard = heard_of(datagram);
        CHECK(heard.changes.size() == 1);
        CHECK(heard.malformed == 1);
    }
}

TEST_CASE("no byte of a datagram can do harm")
{
    const auto datagram =
        datagram_of({rule_event(NFT_MSG_DELRULE), chain_event(NFT_MSG_NEWCHAIN), generation_event(8)});
    std::size_t total = 0;
    for (std::size_t at = 0; at < datagram.size(); ++at)
        for (const auto changed : {std::byte{0}, std::byte{0xff}, datagram[at] ^ std::byte{4}}) {
            auto bytes = datagram;
            bytes[at] = changed;
            const auto heard = heard_of(bytes);
            total += heard.changes.size() + heard.commits.size();
        }
    CHECK(total > datagram.size());
}

}  // namespace chainkeeper::repair::nft
