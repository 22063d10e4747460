// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/desired.hpp"
#include "repair/family.hpp"
#include "repair/nft/event.hpp"
#include "repair/nft/socket.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace chainkeeper::tests {

struct ChainName {
    repair::Family family;
    std::string table;
    std::string chain;
    auto operator<=>(const ChainName&) const = default;
};

// One transaction as the kernel tells it, and what the ruleset held when it was over.
struct Transaction {
    struct Change {
        repair::nft::Change::Kind kind;
        ChainName name;  // without a chain for a change of a table
    };
    std::uint32_t id = 0;
    std::string comm;  // of the writer
    std::vector<Change> changes;
    std::map<ChainName, unsigned> rules;  // how many, of every chain that is there

    [[nodiscard]] bool adds_chain(const ChainName& name) const;
    [[nodiscard]] bool touches(repair::Family family) const;
    [[nodiscard]] bool holds(const ChainName& name) const { return rules.contains(name); }
};

// Hears every transaction of this network namespace from its own beginning on, which has to be before there is any
// chain. Nothing can happen between two of them that it does not see: it hears what the kernel did, in its order.
class GenerationWatch {
public:
    GenerationWatch();

    // All transactions so far. Throws std::runtime_error when the kernel had to drop events.
    const std::vector<Transaction>& heard();
    // Those of one program, by its comm (15 characters at the most).
    std::vector<Transaction> heard_of(const std::string& comm);

private:
    void hear(const repair::nft::Event& event);
    void apply(const repair::nft::Change& change);

    repair::nft::Socket socket_;
    Transaction current_;
    std::vector<Transaction> transactions_;
};

// After it every guarded chain is there, with as many rules as it must have; as are the jumps.
bool is_complete(const Transaction& transaction, const repair::DesiredState& guarded);

inline constexpr const char* daemon_comm = "chainkeeperd";
ChainName canary(repair::Family family, const std::string& table);

}  // namespace chainkeeper::tests
