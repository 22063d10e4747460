// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/guarded_names.hpp"

namespace chainkeeper::daemon {

using repair::nft::Change;

GuardedNames::GuardedNames(std::span<const repair::DesiredState> desired_states)
{
    for (const auto& desired : desired_states) {
        for (const auto& chain : desired.chains) {
            tables_.insert({desired.family, std::string{to_string(chain.table)}, {}});
            chains_.insert({desired.family, std::string{to_string(chain.table)}, chain.name});
        }
        for (const auto& jump : desired.jumps)
            base_chains_.insert({desired.family, std::string{to_string(jump.table)}, jump.base_chain});
    }
}

bool GuardedNames::holds(const Names& names, const Change& change, std::string_view chain)
{
    return names.contains(NameView{change.family, change.table, chain});
}

bool GuardedNames::touched_by(const Change& change) const
{
    switch (change.kind) {
    case Change::Kind::table_added: return false;
    case Change::Kind::table_deleted: return holds(tables_, change, "");
    case Change::Kind::chain_deleted:
    case Change::Kind::rule_deleted:
        return holds(chains_, change, change.chain) || holds(base_chains_, change, change.chain);
    case Change::Kind::chain_added:
    case Change::Kind::rule_added: return holds(chains_, change, change.chain);
    case Change::Kind::chain_changed: return holds(tables_, change, "");  // it may have had a guarded name
    }
    return false;
}

bool GuardedNames::is_loss(const Change& change) const
{
    switch (change.kind) {
    case Change::Kind::table_deleted:
    case Change::Kind::chain_deleted:
    case Change::Kind::rule_deleted: return holds(tables_, change, "");
    case Change::Kind::table_added:
    case Change::Kind::chain_added:
    case Change::Kind::chain_changed:
    case Change::Kind::rule_added: return false;
    }
    return false;
}

}  // namespace chainkeeper::daemon
