// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/toml_screen.hpp"

#include <cstdint>

namespace chainkeeper::policies {

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

// Of the keys in one line: no policy has more than one, no configuration of a container runtime more than five.
constexpr unsigned most_dots = 16;

bool is_ascii(char byte)
{
    return static_cast<unsigned char>(byte) < 0x80;
}

bool continues_character(char byte)
{
    return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U;
}

// Knows comments from the rest, byte by byte. Without strings that span lines, every line starts afresh.
class Screen {
public:
    // Takes the first byte of what is left of the text.
    std::optional<Mistake> take(std::string_view rest)
    {
        const char byte = rest.front();
        if (byte == '\n')
            start_line();
        else if (!continues_character(byte))
            ++place_.column;
        if (inside_ == Inside::comment)
            return std::nullopt;
        if (!is_ascii(byte))
            return Mistake{place_,
                           R"(only comments may hold characters other than ASCII; strings have "\u00e9" for them)"};
        if (inside_ == Inside::nothing)
            return enter(rest);
        leave_string(byte);
        return std::nullopt;
    }

private:
    enum class Inside : std::uint8_t { nothing, comment, basic_string, literal_string };

    void start_line()
    {
        place_ = {.line = place_.line + 1, .column = 0};
        inside_ = Inside::nothing;
        dots_ = 0;
    }

    std::optional<Mistake> enter(std::string_view rest)
    {
        if (rest.starts_with(R"(""")") || rest.starts_with("'''"))
            return Mistake{place_, "a string that spans lines has no place here"};
        if (rest.front() == '.' && ++dots_ > most_dots)
            return Mistake{place_, "a key of that many parts has no place here"};
        if (rest.front() == '#')
            inside_ = Inside::comment;
        else if (rest.front() == '"')
            inside_ = Inside::basic_string;
        else if (rest.front() == '\'')
            inside_ = Inside::literal_string;
        escaped_ = false;
        return std::nullopt;
    }

    void leave_string(char byte)
    {
        const char quote = inside_ == Inside::basic_string ? '"' : '\'';
        if (byte == quote && !escaped_)
            inside_ = Inside::nothing;
        escaped_ = byte == '\\' && !escaped_ && quote == '"';
    }

    Place place_{.line = 1, .column = 0};
    Inside inside_ = Inside::nothing;
    bool escaped_ = false;
    unsigned dots_ = 0;  // in the line, outside of strings
};

}  // namespace

std::optional<Mistake> unfit_for_parser(std::string_view text)
{
    if (text.starts_with(byte_order_mark))
        text.remove_prefix(byte_order_mark.size());
    Screen screen;
    for (; !text.empty(); text.remove_prefix(1))
        if (auto mistake = screen.take(text))
            return mistake;
    return std::nullopt;
}

}  // namespace chainkeeper::policies
