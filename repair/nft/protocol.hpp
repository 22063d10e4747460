// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/family.hpp"

#include <cstdint>
#include <optional>

namespace chainkeeper::repair::nft {

// NFPROTO_IPV4 and NFPROTO_IPV6 of linux/netfilter.h.
std::uint8_t protocol_of(Family family);
// Nothing for the other families of nf_tables (inet, arp, bridge, netdev).
std::optional<Family> family_of(std::uint8_t protocol);

// Where the addresses stand in the network header of a family, in bytes.
struct AddressOffsets {
    std::uint32_t source;
    std::uint32_t destination;
    std::uint32_t size;
};
AddressOffsets address_offsets(Family family);

}  // namespace chainkeeper::repair::nft
