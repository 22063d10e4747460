// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/legacy/entry.hpp"
#include "tests/fuzz/property.hpp"

#include <algorithm>
#include <linux/netfilter/x_tables.h>
#include <span>
#include <string>
#include <vector>

using namespace chainkeeper;
using namespace chainkeeper::repair;
using tests::must_hold;

namespace {

// As the kernel gives it back: the target of a jump has no name.
std::vector<std::uint8_t> as_read(Family family, const Rule& rule)
{
    auto bytes = legacy::encode_entry(family, rule);
    if (std::holds_alternative<Jump>(rule.target)) {
        const auto target = std::span{bytes}.last(sizeof(xt_standard_target));
        std::ranges::fill(target.subspan(sizeof(std::uint16_t), legacy::longest_chain_name), std::uint8_t{0});
    }
    return bytes;
}

void read_entry(Family family, std::span<const std::uint8_t> entry, std::string_view target)
{
    std::string words;
    const auto surveyed = legacy::survey_entry(family, entry, target, words);
    must_hold(surveyed.words == words, "the words are those that were lent");
    must_hold(legacy::fingerprint_of(family, entry, target) == legacy::fingerprint_of(family, entry, target),
              "an entry has one fingerprint");
    const auto observed = legacy::decode_entry(family, entry, target);
    if (!observed.rule)
        return;
    tests::must_be_printable(to_string(family, *observed.rule));
    const auto bytes = as_read(family, *observed.rule);
    must_hold(legacy::size_of_entry(family, bytes.data()) == bytes.size(), "an entry tells its size");
    const auto again = legacy::decode_entry(family, bytes, target);
    must_hold(again.rule == observed.rule, "an entry that was written is read as it was");
}

}  // namespace

// What libiptc calls the target, a zero byte, the entry.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::span bytes{data, size};
    const auto target = tests::text_of(data, size).substr(0, std::min(size, legacy::longest_chain_name));
    const auto name = target.substr(0, target.find('\0'));
    const auto entry = bytes.subspan(std::min(size, name.size() + 1));
    for (const auto family : all_families)
        read_entry(family, entry, name);
    return 0;
}
