// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/desired.hpp"

namespace chainkeeper::repair {

std::set<ChainName> chain_names_in(const DesiredState& desired)
{
    std::set<ChainName> names;
    for (const auto& chain : desired.chains)
        names.insert({chain.table, chain.name});
    for (const auto& jump : desired.jumps)
        names.insert({jump.table, jump.base_chain});
    return names;
}

std::set<Table> tables_in(const DesiredState& desired)
{
    std::set<Table> tables;
    for (const auto& name : chain_names_in(desired))
        tables.insert(name.table);
    return tables;
}

}  // namespace chainkeeper::repair
