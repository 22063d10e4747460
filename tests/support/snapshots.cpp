// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/snapshots.hpp"

#include <algorithm>
#include <stdexcept>

namespace chainkeeper::tests {

using namespace repair;

namespace {

constexpr std::uint64_t first_handle = 10;

void append(ObservedChain& chain, const Rule& rule)
{
    chain.rules.push_back(observed(rule, first_handle * (chain.rules.size() + 1)));
}

}  // namespace

Snapshot snapshot_of(const DesiredState& desired)
{
    Snapshot snapshot{.family = desired.family, .generation = 7, .tables = {}, .chains = {}};
    for (const auto& chain : desired.chains) {
        snapshot.tables.insert(chain.table);
        auto& made = snapshot.chains.emplace_back(ObservedChain{.table = chain.table, .name = chain.name, .rules = {}});
        for (const auto& rule : chain.rules)
            append(made, rule);
    }
    for (const auto& jump : desired.jumps) {
        snapshot.tables.insert(jump.table);
        if (snapshot.find(jump.table, jump.base_chain) == nullptr)
            snapshot.chains.push_back({.table = jump.table, .name = jump.base_chain, .rules = {}});
        append(chain_in(snapshot, jump.table, jump.base_chain), jump.rule);
    }
    return snapshot;
}

ObservedChain& chain_in(Snapshot& snapshot, Table table, std::string_view chain)
{
    const auto found = std::ranges::find_if(
        snapshot.chains, [&](const auto& candidate) { return candidate.table == table && candidate.name == chain; });
    if (found == snapshot.chains.end())
        throw std::out_of_range{"the snapshot has no such chain"};
    return *found;
}

void remove_chain(Snapshot& snapshot, Table table, std::string_view chain)
{
    const auto* const found = &chain_in(snapshot, table, chain);
    snapshot.chains.erase(snapshot.chains.begin() + (found - snapshot.chains.data()));
}

void remove_table(Snapshot& snapshot, Table table)
{
    snapshot.tables.erase(table);
    std::erase_if(snapshot.chains, [&](const auto& chain) { return chain.table == table; });
}

ObservedRule observed(Rule rule, std::uint64_t handle)
{
    return {.handle = handle, .dialect = Dialect::iptables, .rule = std::move(rule), .expressions = "by hand"};
}

}  // namespace chainkeeper::tests
