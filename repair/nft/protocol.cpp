// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/protocol.hpp"

#include <cstddef>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>

namespace chainkeeper::repair::nft {

std::uint8_t protocol_of(Family family)
{
    return family == Family::ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

std::optional<Family> family_of(std::uint8_t protocol)
{
    switch (protocol) {
    case NFPROTO_IPV4: return Family::ipv4;
    case NFPROTO_IPV6: return Family::ipv6;
    default: return std::nullopt;
    }
}

AddressOffsets address_offsets(Family family)
{
    if (family == Family::ipv4)
        return {.source = offsetof(iphdr, saddr), .destination = offsetof(iphdr, daddr), .size = sizeof(in_addr)};
    return {.source = offsetof(ipv6hdr, saddr), .destination = offsetof(ipv6hdr, daddr), .size = sizeof(in6_addr)};
}

}  // namespace chainkeeper::repair::nft
