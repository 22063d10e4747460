// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/message_bytes.hpp"

#include <cstring>
#include <endian.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

namespace chainkeeper::tests {

namespace {

constexpr std::size_t alignment = 4;

void set_length(std::vector<std::byte>& message, std::size_t length)
{
    const auto value = static_cast<std::uint32_t>(length);
    std::memcpy(message.data(), &value, sizeof value);
}

}  // namespace

MessageBytes::MessageBytes(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence)
{
    const nlmsghdr header{
        .nlmsg_len = sizeof header, .nlmsg_type = type, .nlmsg_flags = flags, .nlmsg_seq = sequence, .nlmsg_pid = 0};
    append(&header, sizeof header);
}

MessageBytes& MessageBytes::netfilter(std::uint8_t protocol, std::uint16_t resource)
{
    const nfgenmsg header{.nfgen_family = protocol, .version = NFNETLINK_V0, .res_id = htobe16(resource)};
    return raw(bytes_of(header));
}

MessageBytes& MessageBytes::raw(std::span<const std::byte> bytes)
{
    append(bytes.data(), bytes.size());
    pad();
    return *this;
}

MessageBytes& MessageBytes::attribute(std::uint16_t type, std::span<const std::byte> value)
{
    const nlattr header{.nla_len = static_cast<std::uint16_t>(sizeof header + value.size()), .nla_type = type};
    append(&header, sizeof header);
    return raw(value);
}

MessageBytes& MessageBytes::text(std::uint16_t type, std::string_view value)
{
    std::vector<std::byte> bytes(value.size() + 1);
    std::memcpy(bytes.data(), value.data(), value.size());
    return attribute(type, bytes);
}

MessageBytes& MessageBytes::u32(std::uint16_t type, std::uint32_t value)
{
    return attribute(type, bytes_of(htobe32(value)));
}

MessageBytes& MessageBytes::u64(std::uint16_t type, std::uint64_t value)
{
    return attribute(type, bytes_of(htobe64(value)));
}

MessageBytes& MessageBytes::begin(std::uint16_t type)
{
    open_.push_back(bytes_.size());
    return attribute(type, {});
}

MessageBytes& MessageBytes::end()
{
    const auto start = open_.back();
    open_.pop_back();
    const auto length = static_cast<std::uint16_t>(bytes_.size() - start);
    std::memcpy(bytes_.data() + start, &length, sizeof length);
    return *this;
}

void MessageBytes::append(const void* bytes, std::size_t size)
{
    const auto* const first = static_cast<const std::byte*>(bytes);
    bytes_.insert(bytes_.end(), first, first + size);
    set_length(bytes_, bytes_.size());
}

void MessageBytes::pad()
{
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment);
    set_length(bytes_, bytes_.size());
}

std::vector<std::byte> cut_short(std::span<const std::byte> message, std::size_t size)
{
    std::vector<std::byte> cut{message.begin(), message.begin() + static_cast<std::ptrdiff_t>(size)};
    if (size >= sizeof(std::uint32_t))
        set_length(cut, size);
    return cut;
}

}  // namespace chainkeeper::tests
