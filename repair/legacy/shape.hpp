// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"
#include "repair/family.hpp"

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace chainkeeper::repair::legacy {

// The legacy tables that exist, told without making one: /proc/net/ip_tables_names or ip6_tables_names of this network
// namespace (0440, root). A kernel without x_tables has none.
Result<std::vector<std::string>> names_of_tables(Family family);
// Of those that kubelet uses.
Result<std::set<Table>> instantiated_tables(Family family);

// What the kernel tells of a table without a dump of it (IPT_SO_GET_INFO): tables of one shape are nearly always the
// same table. Each rule is an entry, each chain of a program's is two, each base chain one.
struct TableShape {
    unsigned entries = 0;
    unsigned bytes = 0;
    std::array<unsigned, 10> hooks{};  // where the chain of each hook begins and ends
    bool operator==(const TableShape&) const = default;
};

// Of the tables that exist; of these alone, so that none is made. Needs CAP_NET_RAW and CAP_NET_ADMIN.
using Shapes = std::map<Table, TableShape>;
Result<Shapes> read_shapes(Family family);

}  // namespace chainkeeper::repair::legacy
