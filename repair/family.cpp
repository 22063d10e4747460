// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/family.hpp"

#include <algorithm>

namespace chainkeeper::repair {

namespace {

template <typename Range>
auto named(const Range& range, std::string_view name) -> std::optional<typename Range::value_type>
{
    const auto found = std::ranges::find_if(range, [&](auto value) { return to_string(value) == name; });
    if (found == range.end())
        return std::nullopt;
    return *found;
}

}  // namespace

std::string_view to_string(Family family)
{
    return family == Family::ipv4 ? "ipv4" : "ipv6";
}

std::string_view to_string(Table table)
{
    switch (table) {
    case Table::mangle: return "mangle";
    case Table::nat: return "nat";
    case Table::filter: return "filter";
    }
    return "unknown";
}

std::optional<Family> family_from_string(std::string_view name)
{
    return named(all_families, name);
}

std::optional<Table> table_from_string(std::string_view name)
{
    return named(all_tables, name);
}

}  // namespace chainkeeper::repair
