// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/family.hpp"
#include "repair/snapshot.hpp"
#include "repair/survey.hpp"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

// A rule as the kernel's legacy tables hold it: `struct ipt_entry` (linux/netfilter_ipv4/ip_tables.h) or `ip6t_entry`,
// its matches, its target. The target of a verdict and of a jump is known by its name alone: libiptc works out the
// numbers that the kernel goes by.
namespace chainkeeper::repair::legacy {

// A chain with a longer name cannot be jumped to (XT_EXTENSION_MAXNAMELEN).
inline constexpr std::size_t longest_chain_name = 28;

// For libiptc to insert. Jumps to a chain whose name is at most longest_chain_name long.
std::vector<std::uint8_t> encode_entry(Family family, const Rule& rule);

// `entry` begins at the entry and goes on at least to its end; `target` is what libiptc calls its target: a verdict, a
// chain, an extension. What no rule of kubelet's could hold makes a rule without `rule`. The handle is the caller's.
ObservedRule decode_entry(Family family, std::span<const std::uint8_t> entry, std::string_view target);

// A number for all that the entry says: the same for the same words, whatever its counters are. Of an extension that no
// rule of kubelet's has, only which one it is: some keep their state in there (`limit` before Linux 4.11).
std::size_t fingerprint_of(Family family, std::span<const std::uint8_t> entry, std::string_view target);

// What a survey tells of it. Table and chain are the caller's; `target` is lent to it, and `words` to its words.
SurveyedRule survey_entry(Family family, std::span<const std::uint8_t> entry, std::string_view target,
                          std::string& words);

// How many bytes an entry has, from its first ones.
std::size_t size_of_entry(Family family, const void* entry);

}  // namespace chainkeeper::repair::legacy
