// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace chainkeeper::repair {

// The two implementations of iptables, each with a place of its own for its chains: nf_tables, and the legacy tables of
// x_tables. Programs of both can be installed side by side.
enum class IptablesVariant : std::uint8_t { nft, legacy };
// "nft", "legacy"
std::string_view to_string(IptablesVariant variant);

// By what a program says of itself: "iptables-restore v1.8.9 (nf_tables)", "iptables v1.8.7 (legacy)". Before 1.8.0
// there was only legacy, and no word of it: "iptables v1.6.1".
std::optional<IptablesVariant> variant_in(std::string_view version);

}  // namespace chainkeeper::repair
