// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/printable.hpp"

#include <algorithm>
#include <cctype>

namespace chainkeeper::repair {

namespace {

// The bytes of the UTF-8 character at the front; 0 where there is none (RFC 3629: no surrogates, nothing overlong).
std::size_t character_length(std::string_view text)
{
    const auto byte = [&](std::size_t index) {
        return index < text.size() ? static_cast<unsigned char>(text[index]) : 0U;
    };
    const auto first = byte(0);
    if (first < 0x80)
        return 1;
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    for (std::size_t index = 1; index < length; ++index)
        if ((byte(index) & 0xc0U) != 0x80)
            return 0;
    const auto start = first << 8U | byte(1);
    const bool is_character = (start >= 0xc280 && start < 0xe000) || (start >= 0xe0a0 && start < 0xeda0) ||
                              (start >= 0xee80 && start < 0xf000) || (start >= 0xf090 && start < 0xf490);
    return is_character ? length : 0;
}

bool is_control(std::string_view character)
{
    const auto last = static_cast<unsigned char>(character.back());
    return character.size() == 1 ? std::iscntrl(last) != 0 : character.starts_with('\xc2') && last < 0xa0;
}

}  // namespace

std::string printable(std::string_view text)
{
    std::string printable;
    while (!text.empty()) {
        const auto length = character_length(text);
        const auto character = text.substr(0, std::max(length, std::size_t{1}));
        printable += length == 0 || is_control(character) ? "?" : character;
        text.remove_prefix(character.size());
    }
    return printable;
}

}  // namespace chainkeeper::repair
