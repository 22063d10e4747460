// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/xtables.hpp"

#include <algorithm>
#include <cstring>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_mark.h>

namespace chainkeeper::repair {

namespace {

constexpr ExtensionName comment_match{.name = "comment", .revision = 0};
constexpr ExtensionName conntrack_match{.name = "conntrack", .revision = 3};
constexpr ExtensionName mark_match{.name = "mark", .revision = 1};
constexpr ExtensionName mark_target{.name = "MARK", .revision = 2};
constexpr ExtensionName masquerade_target{.name = "MASQUERADE", .revision = 0};

// XT_ALIGN of linux/netfilter/x_tables.h.
constexpr std::size_t xt_align(std::size_t size)
{
    constexpr std::size_t alignment = alignof(std::uint64_t);
    return (size + alignment - 1) / alignment * alignment;
}

template <typename Info>
Extension extension(const ExtensionName& id, const Info& info)
{
    std::vector<std::uint8_t> bytes(xt_align(sizeof info));
    std::memcpy(bytes.data(), &info, sizeof info);
    return {.id = id, .info = std::move(bytes)};
}

template <typename Info>
std::optional<Info> info_of(std::span<const std::uint8_t> bytes)
{
    if (bytes.size() < sizeof(Info))
        return std::nullopt;
    Info info;
    std::memcpy(&info, bytes.data(), sizeof info);
    return info;
}

struct MatchEncoder {
    Extension operator()(const CommentMatch& match) const
    {
        xt_comment_info info{};
        std::copy_n(match.text.begin(), std::min(match.text.size(), sizeof info.comment - 1), info.comment);
        return extension(comment_match, info);
    }
    Extension operator()(const ConntrackMatch& match) const
    {
        xt_conntrack_mtinfo3 info{};
        info.match_flags = XT_CONNTRACK_STATE;
        info.invert_flags = match.inverted ? XT_CONNTRACK_STATE : 0;
        info.state_mask = match.states;
        return extension(conntrack_match, info);
    }
    Extension operator()(const MarkMatch& match) const
    {
        xt_mark_mtinfo1 info{};
        info.mark = match.value;
        info.mask = match.mask;
        info.invert = match.inverted ? 1 : 0;
        return extension(mark_match, info);
    }
};

std::optional<Match> decode_comment(std::span<const std::uint8_t> bytes)
{
    const auto info = info_of<xt_comment_info>(bytes);
    if (!info)
        return std::nullopt;
    const auto* const end = std::ranges::find(info->comment, '\0');
    return CommentMatch{.text = std::string{std::begin(info->comment), end}};
}

// Only a match on the state alone: every other criterion of the extension has to be unset.
std::optional<Match> decode_conntrack(std::span<const std::uint8_t> bytes)
{
    const auto info = info_of<xt_conntrack_mtinfo3>(bytes);
    if (!info)
        return std::nullopt;
    const ConntrackMatch match{.states = info->state_mask, .inverted = info->invert_flags != 0};
    const auto state_alone = encode_match(match);
    if (!std::ranges::equal(bytes.first(sizeof *info), std::span{state_alone.info}.first(sizeof *info)))
        return std::nullopt;
    return match;
}

std::optional<Match> decode_mark(std::span<const std::uint8_t> bytes)
{
    const auto info = info_of<xt_mark_mtinfo1>(bytes);
    if (!info)
        return std::nullopt;
    return MarkMatch{.value = info->mark, .mask = info->mask, .inverted = info->invert != 0};
}

std::optional<Target> decode_mark_target(std::span<const std::uint8_t> bytes)
{
    const auto info = info_of<xt_mark_tginfo2>(bytes);
    if (!info)
        return std::nullopt;
    return SetMark{.value = info->mark, .mask = info->mask};
}

std::optional<std::uint32_t> masquerade_flags(Family family, std::span<const std::uint8_t> bytes)
{
    if (family == Family::ipv6) {
        const auto range = info_of<nf_nat_range>(bytes);
        return range ? std::optional{range->flags} : std::nullopt;
    }
    const auto ranges = info_of<nf_nat_ipv4_multi_range_compat>(bytes);
    return ranges && ranges->rangesize == 1 ? std::optional{ranges->range[0].flags} : std::nullopt;
}

}  // namespace

Extension encode_match(const Match& match)
{
    return std::visit(MatchEncoder{}, match);
}

Extension encode_target(Family /*family*/, const SetMark& mark)
{
    xt_mark_tginfo2 info{};
    info.mark = mark.value;
    info.mask = mark.mask;
    return extension(mark_target, info);
}

Extension encode_target(Family family, const Masquerade& masquerade)
{
    const std::uint32_t flags = masquerade.random_fully ? NF_NAT_RANGE_PROTO_RANDOM_FULLY : 0;
    if (family == Family::ipv6) {
        nf_nat_range range{};
        range.flags = flags;
        return extension(masquerade_target, range);
    }
    nf_nat_ipv4_multi_range_compat ranges{};
    ranges.rangesize = 1;
    ranges.range[0].flags = flags;
    return extension(masquerade_target, ranges);
}

std::optional<Match> decode_match(const ExtensionName& id, std::span<const std::uint8_t> info)
{
    if (id == comment_match)
        return decode_comment(info);
    if (id == conntrack_match)
        return decode_conntrack(info);
    if (id == mark_match)
        return decode_mark(info);
    return std::nullopt;
}

std::optional<Target> decode_target(Family family, const ExtensionName& id, std::span<const std::uint8_t> info)
{
    if (id == mark_target)
        return decode_mark_target(info);
    if (id != masquerade_target)
        return std::nullopt;
    const auto flags = masquerade_flags(family, info);
    const auto masquerade = flags ? masquerade_of_flags(*flags) : std::nullopt;
    return masquerade ? std::optional<Target>{*masquerade} : std::nullopt;
}

std::optional<Masquerade> masquerade_of_flags(std::uint32_t flags)
{
    if (flags != 0 && flags != NF_NAT_RANGE_PROTO_RANDOM_FULLY)
        return std::nullopt;
    return Masquerade{.random_fully = flags != 0};
}

}  // namespace chainkeeper::repair
