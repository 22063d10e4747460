// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/family.hpp"
#include "repair/rule.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

// The xtables extensions of kubelet's rules: `comment` rev 0, `conntrack` rev 3 and `mark` rev 1 among the matches,
// `MARK` rev 2 and `MASQUERADE` rev 0 among the targets. nf_tables carries them inside its `match` and `target`
// expressions, iptables-legacy inside its entries; the bytes are the same (linux/netfilter/xt_*.h).
namespace chainkeeper::repair {

struct ExtensionName {
    std::string_view name;
    std::uint32_t revision;
    bool operator==(const ExtensionName&) const = default;
};

struct Extension {
    ExtensionName id;
    std::vector<std::uint8_t> info;  // padded as the kernel stores it (XT_ALIGN)
};

Extension encode_match(const Match& match);
Extension encode_target(Family family, const SetMark& mark);
Extension encode_target(Family family, const Masquerade& masquerade);

// Nothing for an extension that no rule of kubelet's has, for one that asks for more than those do, and for too few
// bytes.
std::optional<Match> decode_match(const ExtensionName& id, std::span<const std::uint8_t> info);
std::optional<Target> decode_target(Family family, const ExtensionName& id, std::span<const std::uint8_t> info);

// What `-j MASQUERADE` means by the flags of a NAT range; also the flags of nft's `masq` expression.
std::optional<Masquerade> masquerade_of_flags(std::uint32_t flags);

}  // namespace chainkeeper::repair
