// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/short_text.hpp"

#include "repair/printable.hpp"

namespace chainkeeper::daemon {

namespace {

constexpr std::string_view ellipsis = "…";

// So that what is no UTF-8 cannot lead far back.
constexpr std::size_t longest_tail = 3;

bool continues_a_character(char byte)
{
    return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80;
}

// Where to cut, so that `end` bytes or fewer are left and no character is halved.
std::size_t character_end(std::string_view text, std::size_t end)
{
    for (std::size_t tail = 0; tail < longest_tail && end > 0 && continues_a_character(text[end]); ++tail)
        --end;
    return end;
}

}  // namespace

std::string short_text(std::string_view text, std::size_t most)
{
    if (text.size() <= most)
        return repair::printable(text);
    if (most < ellipsis.size())
        return {};
    return repair::printable(text.substr(0, character_end(text, most - ellipsis.size()))).append(ellipsis);
}

}  // namespace chainkeeper::daemon
