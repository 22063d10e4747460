// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

// Netlink's framing as views of received bytes: nothing is copied, and no length in the bytes is believed before it was
// compared with what is really there. (linux/netlink.h, linux/netfilter/nfnetlink.h)
namespace chainkeeper::repair::nft {

using ByteView = std::span<const std::byte>;

struct Message {
    std::uint16_t type = 0;
    std::uint16_t flags = 0;
    std::uint32_t sequence = 0;
    ByteView whole;    // header included
    ByteView payload;  // header excluded
};

// The first message of `rest`, which moves on past it. Nothing at the end, and nothing where a message is cut short or
// claims an impossible length: then `rest` is left as it is, not empty.
std::optional<Message> take_message(ByteView& rest);

// What follows the nfgenmsg header in every message of nf_tables.
struct NetfilterPayload {
    std::uint8_t protocol = 0;  // NFPROTO_*
    ByteView attributes;
};
std::optional<NetfilterPayload> netfilter_payload(const Message& message);

struct Attribute {
    std::uint16_t type = 0;  // without its flags
    ByteView value;
};
// The first attribute of `rest`, which moves on past it. Nothing at the end, and where an attribute is malformed.
std::optional<Attribute> take_attribute(ByteView& rest);

// The value of the first attribute of that type; nothing where it is absent or the attributes before it are malformed.
std::optional<ByteView> find_attribute(ByteView attributes, std::uint16_t type);
// The same as a string that ends at its first zero byte, and as numbers in network order.
std::optional<std::string_view> find_string(ByteView attributes, std::uint16_t type);
std::optional<std::uint32_t> find_u32(ByteView attributes, std::uint16_t type);
std::optional<std::uint64_t> find_u64(ByteView attributes, std::uint16_t type);

// An acknowledgement or a refusal: NLMSG_ERROR.
struct Acknowledgement {
    int error_number = 0;                     // 0, or a positive errno
    std::string_view explanation;             // the kernel's extended text; often empty
    std::optional<std::uint32_t> bad_offset;  // of the attribute that it refuses, in bytes from the request's header
};
std::optional<Acknowledgement> acknowledgement(const Message& message);

}  // namespace chainkeeper::repair::nft
