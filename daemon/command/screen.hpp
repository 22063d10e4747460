// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace chainkeeper::daemon {

enum class Colour : std::uint8_t { none, red, yellow, green, bold };

// No line of wrapped rows is longer, but for a word that is.
inline constexpr std::size_t screen_width = 80;

// Text for people: a column of labels and a column of what they name, and colours where those are wanted.
class Screen {
public:
    // `label_width`: where the second column begins.
    Screen(bool colours, std::size_t label_width) : colours_{colours}, label_width_{label_width} {}

    // At the very left.
    void heading(std::string_view text);

    // A label stands at the first row that has it. The text is made printable.
    void row(std::string_view label, std::string_view text, Colour colour = Colour::none);
    // Broken between words, so that no line is wider than screen_width.
    void wrapped_row(std::string_view label, std::string_view text, Colour colour = Colour::none);
    // Below the last row, further to the right.
    void detail(std::string_view text);

    [[nodiscard]] const std::string& text() const { return text_; }

private:
    void add(std::size_t indent, std::string_view label, std::string_view text, Colour colour);

    bool colours_;
    std::size_t label_width_;
    std::string last_label_;
    std::string text_;
};

// The descriptor is a terminal, and nobody asked for no colours (NO_COLOR, https://no-color.org).
bool wants_colours(int descriptor);

// "2026-11-21 08:00:00 UTC" of the text of utc_text(); what is no such text as it is.
std::string clock_text(std::string_view utc);
// The same with the distance: "…, in 2 h 5 min" or "…, 3 min ago".
std::string when_text(std::string_view utc, WallTime now);
// The two largest units: "2 h 5 min", "3 d", "45 s"; "0 s" for what is shorter than a second.
std::string distance_text(Duration distance);

// "1 finding", "2 findings"
std::string counted(std::uint64_t count, std::string_view noun);

}  // namespace chainkeeper::daemon
