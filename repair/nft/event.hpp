// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/family.hpp"
#include "repair/nft/message.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <variant>

namespace chainkeeper::repair::nft {

// Something was added to, or deleted from, a table of the ip or ip6 family. Views into the message.
struct Change {
    enum class Kind : std::uint8_t {
        table_added,
        table_deleted,
        chain_added,
        chain_deleted,
        chain_changed,  // renamed, of which only the new name is told, or given another default verdict
        rule_added,
        rule_deleted,
    };
    Kind kind;
    Family family;
    std::string_view table;
    std::string_view chain;  // empty for a table
};

// The end of one transaction. The kernel sends it last, with who wrote it (net/netfilter/nf_tables_api.c,
// nf_tables_fill_gen_info). The pid is that of the first pid namespace; the comm has 15 characters at the most.
struct Generation {
    std::uint32_t id = 0;
    std::uint32_t pid = 0;
    std::string_view comm;
};

using Event = std::variant<Change, Generation>;

// Calls `hear` with what matters of one datagram of the nf_tables multicast group, in order. Returns how many messages
// made no sense: those are passed over, and what they said is unknown.
unsigned read_events(ByteView datagram, const std::function<void(const Event&)>& hear);

}  // namespace chainkeeper::repair::nft
