// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace chainkeeper::repair {

enum class Family : std::uint8_t { ipv4, ipv6 };

// The three tables of the ip and ip6 families in which kubelet makes chains.
enum class Table : std::uint8_t { mangle, nat, filter };

inline constexpr std::array all_families{Family::ipv4, Family::ipv6};
inline constexpr std::array all_tables{Table::mangle, Table::nat, Table::filter};

// "ipv4", "ipv6": the names in the policy file, the journal and JSON.
std::string_view to_string(Family family);
std::optional<Family> family_from_string(std::string_view name);

// "mangle", "nat", "filter": the names that iptables and nf_tables use.
std::string_view to_string(Table table);
std::optional<Table> table_from_string(std::string_view name);

}  // namespace chainkeeper::repair
