// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// What every fuzz target is: it reads the bytes as somebody else's, and says what must hold for whatever they are.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace chainkeeper::tests {

// Ends the program where it does not hold, with these words.
void must_hold(bool property, std::string_view words);

// The text has no control character but newlines, and is UTF-8.
void must_be_printable(std::string_view text);

// The input as text.
std::string_view text_of(const std::uint8_t* data, std::size_t size);

// Takes the first line off, without its newline.
std::string_view take_line(std::string_view& text);

}  // namespace chainkeeper::tests
