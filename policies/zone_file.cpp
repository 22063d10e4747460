// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/zone_file.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace chainkeeper::policies {

namespace {

constexpr std::string_view magic = "TZif";
constexpr std::size_t header_size = 44;
constexpr std::size_t counts_at = 20;
constexpr std::size_t local_type_size = 6;        // offset, whether it is summer time, index of its abbreviation
constexpr std::size_t abbreviation_index_at = 5;  // within a local type
constexpr std::int64_t start_of_2037 = 2'114'380'800;

std::uint64_t big_endian(std::string_view bytes)
{
    std::uint64_t number = 0;
    for (const char byte : bytes)
        number = number << 8U | static_cast<unsigned char>(byte);
    return number;
}

// One of the two blocks that a file has: the first counts in 32 bits, and the second, the one that is read, in 64.
struct Block {
    std::size_t utc_indicators = 0;
    std::size_t standard_indicators = 0;
    std::size_t leap_seconds = 0;
    std::size_t transitions = 0;
    std::size_t local_types = 0;
    std::size_t abbreviations = 0;  // bytes
    std::string_view body;          // without its header

    // The local type of each transition stands behind the times, the types behind that, the abbreviations last.
    [[nodiscard]] std::string_view indices() const { return body.substr(transitions * 8, transitions); }
    [[nodiscard]] char abbreviation_index(std::size_t type) const
    {
        return body[transitions * 9 + type * local_type_size + abbreviation_index_at];
    }
    [[nodiscard]] std::int64_t last_transition() const
    {
        return static_cast<std::int64_t>(big_endian(body.substr((transitions - 1) * 8, 8)));
    }
};

std::size_t count_in(std::string_view header, std::size_t index)
{
    return big_endian(header.substr(counts_at + index * 4, 4));
}

// Takes a block from the front of `rest`. The counts have 32 bits each, so their sum does not overflow.
std::optional<Block> take_block(std::string_view& rest, std::size_t time_size)
{
    if (rest.size() < header_size || !rest.starts_with(magic) || rest[magic.size()] < '2')
        return std::nullopt;
    Block block{count_in(rest, 0),
                count_in(rest, 1),
                count_in(rest, 2),
                count_in(rest, 3),
                count_in(rest, 4),
                count_in(rest, 5),
                {}};
    rest.remove_prefix(header_size);
    const auto size = block.transitions * (time_size + 1) + block.local_types * local_type_size + block.abbreviations +
                      block.leap_seconds * (time_size + 4) + block.standard_indicators + block.utc_indicators;
    if (size > rest.size())
        return std::nullopt;
    block.body = rest.substr(0, size);
    rest.remove_prefix(size);
    return block;
}

bool is_index_below(char index, std::size_t count)
{
    return static_cast<unsigned char>(index) < count;
}

bool is_consistent(const Block& block)
{
    if (block.local_types == 0 ||
        !std::ranges::all_of(block.indices(), [&](char index) { return is_index_below(index, block.local_types); }))
        return false;
    for (std::size_t type = 0; type < block.local_types; ++type)
        if (!is_index_below(block.abbreviation_index(type), block.abbreviations))
            return false;
    return true;
}

// "\nCET-1CEST,M3.5.0,M10.5.0/3\n": a comma begins the rule.
bool is_footer(std::string_view text)
{
    return text.size() >= 2 && text.starts_with('\n') && text.ends_with('\n');
}

bool is_slim(const Block& block, std::string_view footer)
{
    const bool has_rule = footer.find(',') != std::string_view::npos;
    return has_rule && (block.transitions == 0 || block.last_transition() < start_of_2037);
}

}  // namespace

std::optional<std::string> unfit_for_date_library(std::string_view contents)
{
    auto rest = contents;
    if (!take_block(rest, 4))
        return "is no time zone of version 2 or later";
    const auto block = take_block(rest, 8);
    if (!block || !is_consistent(*block) || !is_footer(rest))
        return "is damaged";
    if (is_slim(*block, rest))
        return "gives summer time as a rule only, which is not read here: install time zones that were made with "
               "`zic -b fat`";
    return std::nullopt;
}

}  // namespace chainkeeper::policies
