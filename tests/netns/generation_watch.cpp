// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/generation_watch.hpp"

#include "repair/desired.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>

namespace chainkeeper::tests {

namespace {

using Kind = repair::nft::Change::Kind;

repair::nft::Socket listener()
{
    auto socket = repair::nft::Socket::open_listener();
    if (!socket)
        throw std::runtime_error{socket.error().what};
    return *std::move(socket);
}

}  // namespace

bool Transaction::adds_chain(const ChainName& name) const
{
    return std::ranges::any_of(
        changes, [&](const Change& change) { return change.kind == Kind::chain_added && change.name == name; });
}

bool Transaction::touches(repair::Family family) const
{
    return std::ranges::any_of(changes, [&](const Change& change) { return change.name.family == family; });
}

GenerationWatch::GenerationWatch() : socket_{listener()} {}

const std::vector<Transaction>& GenerationWatch::heard()
{
    for (;;) {
        const auto datagram = socket_.receive();
        if (!datagram)
            throw std::runtime_error{datagram.error().what};
        if (datagram->empty())
            return transactions_;
        if (repair::nft::read_events(*datagram, [this](const auto& event) { hear(event); }) > 0)
            throw std::runtime_error{"an event made no sense"};
    }
}

std::vector<Transaction> GenerationWatch::heard_of(const std::string& comm)
{
    std::vector<Transaction> found;
    std::ranges::copy_if(heard(), std::back_inserter(found),
                         [&](const Transaction& transaction) { return transaction.comm == comm; });
    return found;
}

void GenerationWatch::hear(const repair::nft::Event& event)
{
    if (const auto* const change = std::get_if<repair::nft::Change>(&event))
        return apply(*change);
    const auto& generation = std::get<repair::nft::Generation>(event);
    current_.id = generation.id;
    current_.comm = generation.comm;
    transactions_.push_back(current_);
    current_.changes.clear();
}

void GenerationWatch::apply(const repair::nft::Change& change)
{
    const ChainName name{
        .family = change.family, .table = std::string{change.table}, .chain = std::string{change.chain}};
    current_.changes.push_back({.kind = change.kind, .name = name});
    switch (change.kind) {
    case Kind::chain_added: current_.rules.try_emplace(name, 0); break;
    case Kind::chain_deleted: current_.rules.erase(name); break;
    case Kind::rule_added: ++current_.rules.at(name); break;
    case Kind::rule_deleted: --current_.rules.at(name); break;
    case Kind::chain_changed:  // the base chains' default verdicts
    case Kind::table_added:
    case Kind::table_deleted: break;  // the chains go first, each with an event of its own
    }
}

bool is_complete(const Transaction& transaction, const repair::DesiredState& guarded)
{
    const auto rules_in = [&](repair::Table table, const std::string& chain) {
        const auto found = transaction.rules.find({guarded.family, std::string{to_string(table)}, chain});
        return found == transaction.rules.end() ? -1 : static_cast<int>(found->second);
    };
    return std::ranges::all_of(guarded.chains,
                               [&](const repair::DesiredChain& chain) {
                                   return rules_in(chain.table, chain.name) >= static_cast<int>(chain.rules.size());
                               }) &&
           std::ranges::all_of(guarded.jumps, [&](const repair::DesiredJump& jump) {
               return rules_in(jump.table, jump.base_chain) >= 1;
           });
}

ChainName canary(repair::Family family, const std::string& table)
{
    return {.family = family, .table = table, .chain = std::string{repair::kubelet_canary}};
}

}  // namespace chainkeeper::tests
