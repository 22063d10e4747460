// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/fuzz/property.hpp"

#include "repair/printable.hpp"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>

namespace chainkeeper::tests {

void must_hold(bool property, std::string_view words)
{
    if (property)
        return;
    fmt::print(stderr, "this does not hold: {}\n", words);
    std::abort();
}

void must_be_printable(std::string_view text)
{
    while (!text.empty()) {
        const auto line = take_line(text);
        must_hold(repair::printable(line) == line, "what people read is printable");
    }
}

std::string_view text_of(const std::uint8_t* data, std::size_t size)
{
    return {static_cast<const char*>(static_cast<const void*>(data)), size};
}

std::string_view take_line(std::string_view& text)
{
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    return line;
}

}  // namespace chainkeeper::tests
