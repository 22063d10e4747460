// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/family.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace chainkeeper::repair {

// An address prefix in network byte order. IPv4 uses the first four bytes. `length` is in bits.
struct Prefix {
    std::array<std::uint8_t, 16> address{};
    std::uint8_t length = 0;
    bool operator==(const Prefix&) const = default;
};

// "127.0.0.0/8", "fe80::/16". Only lengths of whole bytes: these are the ones that need no bitwise expression.
std::optional<Prefix> prefix_from_string(Family family, std::string_view text);
std::string to_string(Family family, const Prefix& prefix);

struct AddressMatch {
    Prefix prefix;
    bool inverted = false;
    bool operator==(const AddressMatch&) const = default;
};

struct CommentMatch {
    std::string text;
    bool operator==(const CommentMatch&) const = default;
};

// `states` has the bits of XT_CONNTRACK_STATE_* (linux/netfilter/xt_conntrack.h).
struct ConntrackMatch {
    std::uint16_t states = 0;
    bool inverted = false;
    bool operator==(const ConntrackMatch&) const = default;
};

// "RELATED", "DNAT", …: one XT_CONNTRACK_STATE_* bit, as `--ctstate` names it.
std::optional<std::uint16_t> conntrack_state_from_string(std::string_view name);

struct MarkMatch {
    std::uint32_t value = 0;
    std::uint32_t mask = 0xffffffff;
    bool inverted = false;
    bool operator==(const MarkMatch&) const = default;
};

using Match = std::variant<CommentMatch, ConntrackMatch, MarkMatch>;

enum class Verdict : std::uint8_t { accept, drop, return_ };

struct Jump {
    std::string chain;
    bool operator==(const Jump&) const = default;
};

// `-j MARK --set-xmark value/mask`: mark = (mark & ~mask) ^ value.
struct SetMark {
    std::uint32_t value = 0;
    std::uint32_t mask = 0xffffffff;
    bool operator==(const SetMark&) const = default;
};

struct Masquerade {
    bool random_fully = false;
    bool operator==(const Masquerade&) const = default;
};

using Target = std::variant<Verdict, Jump, SetMark, Masquerade>;

// A rule in iptables' terms: exactly what kubelet's rules need and no more. The order of `matches` counts, because it
// does for `iptables -C`.
struct Rule {
    std::optional<AddressMatch> source;
    std::optional<AddressMatch> destination;
    std::vector<Match> matches;
    Target target = Verdict::accept;
    bool operator==(const Rule&) const = default;
};

// Accepts, drops or whatever it does for every packet there is. Comments match everything.
bool matches_everything(const Rule& rule);

// Same addresses, same target, and every kind of match that `left` has: what a copy in other words would have.
bool same_effect(const Rule& left, const Rule& right);

// The rule as arguments for iptables, without table and chain: "!", "-s", "127.0.0.0/8", …, "-j", "DROP".
std::vector<std::string> arguments_of(Family family, const Rule& rule);

// The same as one line, as `iptables-save` prints it, but for control characters and what is no UTF-8: those become
// question marks.
std::string to_string(Family family, const Rule& rule);

}  // namespace chainkeeper::repair
