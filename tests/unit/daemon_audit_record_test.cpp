// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/audit_record.hpp"

#include "tests/support/message_bytes.hpp"

#include <array>
#include <cstring>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <string>
#include <vector>

namespace chainkeeper::daemon {

namespace {

using repair::Family;
using tests::MessageBytes;

constexpr std::string_view stamp = "audit(1795818867.681:3): ";
constexpr std::string_view replace =
    R"(table=filter family=2 entries=4 op=xt_replace pid=18277 subj=unconfined comm="iptables-legacy")";
const NetfilterConfig replaced{.table = "filter",
                               .family = Family::ipv4,
                               .operation = "xt_replace",
                               .entries = 4,
                               .pid = 18277,
                               .comm = "iptables-legacy"};

std::optional<NetfilterConfig> config_from(std::string_view fields)
{
    return netfilter_config_from(std::string{stamp}.append(fields));
}

// As the kernel sends it: no zero byte behind the text, no padding.
std::vector<std::byte> message_of(std::string_view text, std::uint16_t type = AUDIT_NETFILTER_CFG)
{
    auto message = MessageBytes{type}.raw(std::as_bytes(std::span{text})).bytes();
    return tests::cut_short(message, sizeof(nlmsghdr) + text.size());
}

std::vector<std::byte> record(std::string_view fields)
{
    return message_of(std::string{stamp}.append(fields));
}

struct Heard {
    std::vector<NetfilterConfig> configs;
    unsigned malformed = 0;
};

Heard heard_of(repair::nft::ByteView datagram)
{
    Heard heard;
    heard.malformed =
        read_audit_records(datagram, [&](const NetfilterConfig& config) { heard.configs.push_back(config); });
    return heard;
}

}  // namespace

TEST_CASE("audit: the records of a legacy table, as Linux 6.18 writes them")
{
    CHECK(config_from(replace) == replaced);
    CHECK(config_from(R"(table=nat family=10 entries=0 op=xt_register pid=18281 comm="ip6tables-legac")") ==
          NetfilterConfig{.table = "nat",
                          .family = Family::ipv6,
                          .operation = "xt_register",
                          .entries = 0,
                          .pid = 18281,
                          .comm = "ip6tables-legac"});
    CHECK(config_from(R"(table=filter family=2 entries=6 op=xt_unregister pid=32 comm="kworker/u8:1")") ==
          NetfilterConfig{.table = "filter",
                          .family = Family::ipv4,
                          .operation = "xt_unregister",
                          .entries = 6,
                          .pid = 32,
                          .comm = "kworker/u8:1"});
}

TEST_CASE("audit: a table of nf_tables is named without its generation, or its handle and object")
{
    const NetfilterConfig registered{.table = "filter",
                                     .family = Family::ipv4,
                                     .operation = "nft_register_chain",
                                     .entries = 2,
                                     .pid = 18283,
                                     .comm = "iptables-nft"};
    for (const auto* const table : {"filter:2", "filter:1;INPUT:85"})
        CHECK(config_from(fmt::format(
                  R"(table={} family=2 entries=2 op=nft_register_chain pid=18283 comm="iptables-nft")", table)) ==
              registered);
}

TEST_CASE("audit: what older kernels leave out is empty")
{
    NetfilterConfig config{
        .table = "mangle", .family = Family::ipv6, .operation = {}, .entries = 6, .pid = 0, .comm = {}};
    CHECK(config_from("table=mangle family=10 entries=6") == config);
    config.operation = "xt_replace";
    CHECK(config_from("table=mangle family=10 entries=6 op=xt_replace") == config);
}

TEST_CASE("audit: a family that is none of kubelet's is told as none")
{
    for (const auto protocol : {0, 1, 3, 5, 7, 12, 255}) {
        const auto config = config_from(fmt::format("table=filter family={} entries=0 op=xt_replace", protocol));
        REQUIRE(config);
        CHECK_FALSE(config->family);
    }
}

TEST_CASE("audit: a comm in hexadecimal is decoded")
{
    const auto comm_of = [](std::string_view value) {
        return config_from(fmt::format("table=filter family=2 entries=4 op=xt_replace pid=1 comm={}", value))->comm;
    };
    CHECK(comm_of("6120622263") == "a b\"c");
    CHECK(comm_of("C3A9") == "é");
    CHECK(comm_of("61 more=1") == "a");
    CHECK(comm_of(R"("a" more="1")") == "a");
    CHECK(comm_of(R"("")").empty());
    for (const auto* const cut : {"", "\"", "\"ipta", "616", "(null)", "6g", "+1", "0x", "iptables"})
        CHECK(comm_of(cut).empty());
}

TEST_CASE("audit: a number that is none is left out, but there is no record without a family")
{
    for (const auto* const number : {"", "x", "-1", "4x", "4294967296", "99999999999999999999"}) {
        CAPTURE(number);
        const auto config = config_from(
            fmt::format(R"(table=filter family=2 entries={0} op=xt_replace pid={0} comm="iptables")", number));
        REQUIRE(config);
        CHECK(config->entries == 0);
        CHECK(config->pid == 0);
        CHECK(config->comm == "iptables");
        CHECK_FALSE(config_from(fmt::format("table=filter family={} entries=4 op=xt_replace", number)));
    }
}

TEST_CASE("audit: what somebody named a table does not pass for the kernel's own words")
{
    const auto config = config_from(
        R"(table=filter family=2 entries=1 op=xt_replace pid=1 comm="iptables":7 family=1 entries=2 op=nft_register_table pid=4711 subj=docker-default (enforce) comm="nft")");
    REQUIRE(config);
    CHECK_FALSE(config->family);
    CHECK(config->operation == "nft_register_table");
    CHECK(config->entries == 2);
    CHECK(config->pid == 4711);
    CHECK(config->comm == "nft");
}

TEST_CASE("audit: a text of another form is no record")
{
    for (const auto* const text :
         {"", "audit", "audit(", "audit(1:2)", "audit(1:2): ", "table=filter family=2 entries=4",
          "audit(1:2): family=2 table=filter", "audit(1:2): table= family=2", "audit(1:2): table=filter",
          "audit(1:2): table=filter entries=4 family", "node=a audit(1:2): table=filter family=2 entries=4"})
        CHECK_FALSE(netfilter_config_from(text));
}

TEST_CASE("audit: other records are passed over without a complaint")
{
    CHECK(heard_of({}).malformed == 0);
    const auto of_its_own = heard_of(record(replace));
    CHECK(of_its_own.configs == std::vector{replaced});
    CHECK(of_its_own.malformed == 0);
    for (const auto type : {AUDIT_SYSCALL, AUDIT_PROCTITLE, AUDIT_EOE, AUDIT_NETFILTER_PKT, NLMSG_DONE, NLMSG_ERROR}) {
        const auto heard = heard_of(message_of("audit(1:2): ", static_cast<std::uint16_t>(type)));
        CHECK(heard.configs.empty());
        CHECK(heard.malformed == 0);
    }
}

TEST_CASE("audit: a datagram of several messages is heard in order")
{
    auto datagram = MessageBytes{AUDIT_NETFILTER_CFG}.bytes();
    const auto good = record(replace);
    datagram.insert(datagram.end(), good.begin(), good.end());
    const auto heard = heard_of(datagram);
    CHECK(heard.configs == std::vector{replaced});
    CHECK(heard.malformed == 1);
}

TEST_CASE("audit: a datagram cut anywhere is counted, and not heard")
{
    const auto datagram = record(replace);
    for (std::size_t size = 1; size < datagram.size(); ++size) {
        const auto heard = heard_of(repair::nft::ByteView{datagram}.first(size));
        CHECK(heard.configs.empty());
        CHECK(heard.malformed == 1);
    }
}

TEST_CASE("audit: a record that ends anywhere is heard once it has a family, with what it has")
{
    const auto datagram = record(replace);
    const auto least = sizeof(nlmsghdr) + stamp.size() + std::string_view{"table=filter family=2"}.size();
    for (std::size_t size = sizeof(nlmsghdr); size < datagram.size(); ++size) {
        const auto heard = heard_of(tests::cut_short(datagram, size));
        CHECK(heard.configs.size() == (size >= least ? 1 : 0));
        CHECK(heard.malformed == (size >= least ? 0 : 1));
        if (!heard.configs.empty())
            CHECK(heard.configs.front().table == "filter");
    }
}

TEST_CASE("audit: absurd lengths end the reading, counted once")
{
    for (const auto length : {0U, 3U, 15U, 0x10000U, 0x7fffffffU, 0xffffffffU}) {
        auto datagram = record(replace);
        std::memcpy(datagram.data(), &length, sizeof length);
        const auto heard = heard_of(datagram);
        CHECK(heard.configs.empty());
        CHECK(heard.malformed == 1);
    }
}

TEST_CASE("audit: no byte of a datagram can do harm")
{
    const auto datagram = record(R"(table=nat family=10 entries=5 op=xt_replace pid=7 comm=6120622263)");
    std::size_t total = 0;
    for (std::size_t at = 0; at < datagram.size(); ++at)
        for (const auto changed :
             {std::byte{0}, std::byte{0xff}, std::byte{' '}, std::byte{'='}, datagram[at] ^ std::byte{1}}) {
            auto bytes = datagram;
            bytes[at] = changed;
            const auto heard = heard_of(bytes);
            CHECK(heard.configs.size() + heard.malformed <= 3);
            total += heard.configs.size();
        }
    CHECK(total > datagram.size());
}

}  // namespace chainkeeper::daemon
