// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/message.hpp"

#include <algorithm>
#include <cstring>
#include <endian.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

namespace chainkeeper::repair::nft {

namespace {

// Message and attribute lengths are rounded up to this in the stream (NLMSG_ALIGN, NLA_ALIGN).
constexpr std::size_t alignment = 4;

constexpr std::size_t aligned(std::size_t size)
{
    return (size + alignment - 1) / alignment * alignment;
}

// MAX_ERRNO of the kernel's (include/linux/err.h).
constexpr int largest_errno = 4095;

template <typename Value>
std::optional<Value> value_at_front(ByteView bytes)
{
    if (bytes.size() < sizeof(Value))
        return std::nullopt;
    Value value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

void drop_front(ByteView& bytes, std::size_t size)
{
    bytes = bytes.subspan(std::min(size, bytes.size()));
}

// Extended attributes stand behind the request that the kernel quotes: its header alone, or all of it.
ByteView extended_attributes(const Message& message, const nlmsgerr& error)
{
    if ((message.flags & NLM_F_ACK_TLVS) == 0)
        return {};
    const bool capped = (message.flags & NLM_F_CAPPED) != 0;
    const std::size_t quoted = capped || error.error == 0 ? sizeof error.msg : error.msg.nlmsg_len;
    const auto skipped = sizeof error.error + aligned(quoted);
    return skipped <= message.payload.size() ? message.payload.subspan(skipped) : ByteView{};
}

}  // namespace

std::optional<Message> take_message(ByteView& rest)
{
    const auto header = value_at_front<nlmsghdr>(rest);
    if (!header || header->nlmsg_len < sizeof *header || header->nlmsg_len > rest.size())
        return std::nullopt;
    const auto whole = rest.first(header->nlmsg_len);
    drop_front(rest, aligned(header->nlmsg_len));
    return Message{.type = header->nlmsg_type,
                   .flags = header->nlmsg_flags,
                   .sequence = header->nlmsg_seq,
                   .whole = whole,
                   .payload = whole.subspan(sizeof *header)};
}

std::optional<NetfilterPayload> netfilter_payload(const Message& message)
{
    const auto header = value_at_front<nfgenmsg>(message.payload);
    if (!header)
        return std::nullopt;
    return NetfilterPayload{.protocol = header->nfgen_family, .attributes = message.payload.subspan(sizeof *header)};
}

std::optional<Attribute> take_attribute(ByteView& rest)
{
    const auto header = value_at_front<nlattr>(rest);
    if (!header || header->nla_len < sizeof *header || header->nla_len > rest.size())
        return std::nullopt;
    const Attribute attribute{.type = static_cast<std::uint16_t>(header->nla_type & NLA_TYPE_MASK),
                              .value = rest.first(header->nla_len).subspan(sizeof *header)};
    drop_front(rest, aligned(header->nla_len));
    return attribute;
}

std::optional<ByteView> find_attribute(ByteView attributes, std::uint16_t type)
{
    while (const auto attribute = take_attribute(attributes))
        if (attribute->type == type)
            return attribute->value;
    return std::nullopt;
}

std::optional<std::string_view> find_string(ByteView attributes, std::uint16_t type)
{
    const auto value = find_attribute(attributes, type);
    if (!value)
        return std::nullopt;
    const auto length = std::ranges::find(*value, std::byte{0}) - value->begin();
    return std::string_view{static_cast<const char*>(static_cast<const void*>(value->data())),
                            static_cast<std::size_t>(length)};
}

std::optional<std::uint32_t> find_u32(ByteView attributes, std::uint16_t type)
{
    const auto value = value_at_front<std::uint32_t>(find_attribute(attributes, type).value_or(ByteView{}));
    return value ? std::optional{be32toh(*value)} : std::nullopt;
}

std::optional<std::uint64_t> find_u64(ByteView attributes, std::uint16_t type)
{
    const auto value = value_at_front<std::uint64_t>(find_attribute(attributes, type).value_or(ByteView{}));
    return value ? std::optional{be64toh(*value)} : std::nullopt;
}

std::optional<Acknowledgement> acknowledgement(const Message& message)
{
    const auto error = value_at_front<nlmsgerr>(message.payload);
    if (message.type != NLMSG_ERROR || !error || error->error > 0 || error->error < -largest_errno)
        return std::nullopt;
    const auto extended = extended_attributes(message, *error);
    Acknowledgement answer{.error_number = -error->error,
                           .explanation = find_string(extended, NLMSGERR_ATTR_MSG).value_or(std::string_view{}),
                           .bad_offset = std::nullopt};
    if (const auto offset = find_attribute(extended, NLMSGERR_ATTR_OFFS))
        answer.bad_offset = value_at_front<std::uint32_t>(*offset);  // in the host's byte order
    return answer;
}

}  // namespace chainkeeper::repair::nft
