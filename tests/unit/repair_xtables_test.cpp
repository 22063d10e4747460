// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/xtables.hpp"

#include <array>
#include <cstring>
#include <doctest/doctest.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_mark.h>
#include <string>

namespace chainkeeper::repair {

namespace {

template <typename Info>
std::span<const std::uint8_t> bytes_of(const Info& info)
{
    return {static_cast<const std::uint8_t*>(static_cast<const void*>(&info)), sizeof info};
}

const std::array<Match, 5> matches{
    CommentMatch{.text = "block incoming localnet connections"},
    CommentMatch{.text = {}},
    ConntrackMatch{.states = XT_CONNTRACK_STATE_DNAT | XT_CONNTRACK_STATE_INVALID, .inverted = true},
    MarkMatch{.value = 0x8000, .mask = 0x8000, .inverted = false},
    MarkMatch{.value = 1, .mask = 0xffffffff, .inverted = true},
};

const std::array<Target, 5> targets{
    SetMark{.value = 0x4000, .mask = 0},     SetMark{.value = 0x8000, .mask = 0x8000},
    SetMark{.value = 0, .mask = 0xffffffff}, Masquerade{.random_fully = true},
    Masquerade{.random_fully = false},
};

std::optional<Extension> encoded(Family family, const Target& target)
{
    if (const auto* const mark = std::get_if<SetMark>(&target))
        return encode_target(family, *mark);
    return encode_target(family, std::get<Masquerade>(target));
}

}  // namespace

TEST_CASE("every match comes back as it was written, and only from all of its bytes")
{
    for (const auto& match : matches) {
        const auto extension = encode_match(match);
        CHECK(extension.info.size() % 8 == 0);
        CHECK(decode_match(extension.id, extension.info) == match);
        for (std::size_t size = 0; size + 8 <= extension.info.size(); ++size)
            CHECK_FALSE(decode_match(extension.id, std::span{extension.info}.first(size)));
    }
}

TEST_CASE("every target comes back as it was written, and only from all of its bytes")
{
    for (const auto family : all_families)
        for (const auto& target : targets) {
            const auto extension = encoded(family, target);
            CHECK(extension->info.size() % 8 == 0);
            CHECK(decode_target(family, extension->id, extension->info) == target);
            for (std::size_t size = 0; size + 8 <= extension->info.size(); ++size)
                CHECK_FALSE(decode_target(family, extension->id, std::span{extension->info}.first(size)));
        }
}

TEST_CASE("another name or another revision is another extension")
{
    const auto mark = encode_match(matches[3]);
    CHECK_FALSE(decode_match({.name = "mark", .revision = 0}, mark.info));
    CHECK_FALSE(decode_match({.name = "connmark", .revision = 1}, mark.info));
    CHECK_FALSE(decode_match({.name = "", .revision = 1}, mark.info));
    CHECK_FALSE(decode_target(Family::ipv4, {.name = "mark", .revision = 2}, mark.info));
    CHECK_FALSE(decode_target(Family::ipv4, {.name = "MARK", .revision = 1}, mark.info));
    CHECK_FALSE(decode_target(Family::ipv4, {.name = "MASQUERADE", .revision = 1}, mark.info));
}

TEST_CASE("a conntrack match that asks for more than the state is none of kubelet's")
{
    xt_conntrack_mtinfo3 info{};
    info.match_flags = XT_CONNTRACK_STATE | XT_CONNTRACK_DIRECTION;
    info.state_mask = XT_CONNTRACK_STATE_DNAT;
    CHECK_FALSE(decode_match({.name = "conntrack", .revision = 3}, bytes_of(info)));
    info.match_flags = XT_CONNTRACK_STATE;
    CHECK(decode_match({.name = "conntrack", .revision = 3}, bytes_of(info)));
    info.l4proto = 6;
    CHECK_FALSE(decode_match({.name = "conntrack", .revision = 3}, bytes_of(info)));
    info.l4proto = 0;
    info.invert_flags = XT_CONNTRACK_PROTO;
    CHECK_FALSE(decode_match({.name = "conntrack", .revision = 3}, bytes_of(info)));
}

TEST_CASE("a comment as long as the kernel's field needs no zero byte at its end")
{
    xt_comment_info info{};
    std::memset(info.comment, 'x', sizeof info.comment);
    const auto match = decode_match({.name = "comment", .revision = 0}, bytes_of(info));
    CHECK(match == Match{CommentMatch{.text = std::string(sizeof info.comment, 'x')}});
}

TEST_CASE("a comment too long for the kernel's field is cut, and ends with a zero byte")
{
    const auto extension = encode_match(CommentMatch{.text = std::string(1000, 'x')});
    CHECK(extension.info.size() == XT_MAX_COMMENT_LEN);
    CHECK(extension.info.back() == 0);
    CHECK(decode_match(extension.id, extension.info) ==
          Match{CommentMatch{.text = std::string(XT_MAX_COMMENT_LEN - 1, 'x')}});
}

TEST_CASE("masquerading to ports or addresses is none of kubelet's")
{
    nf_nat_ipv4_multi_range_compat ranges{};
    ranges.rangesize = 1;
    ranges.range[0].flags = NF_NAT_RANGE_PROTO_SPECIFIED;
    CHECK_FALSE(decode_target(Family::ipv4, {.name = "MASQUERADE", .revision = 0}, bytes_of(ranges)));
    ranges.range[0].flags = 0;
    ranges.rangesize = 2;
    CHECK_FALSE(decode_target(Family::ipv4, {.name = "MASQUERADE", .revision = 0}, bytes_of(ranges)));
    nf_nat_range range{};
    range.flags = NF_NAT_RANGE_PROTO_RANDOM;
    CHECK_FALSE(decode_target(Family::ipv6, {.name = "MASQUERADE", .revision = 0}, bytes_of(range)));
    CHECK_FALSE(masquerade_of_flags(NF_NAT_RANGE_PROTO_RANDOM | NF_NAT_RANGE_PROTO_RANDOM_FULLY));
}

}  // namespace chainkeeper::repair
