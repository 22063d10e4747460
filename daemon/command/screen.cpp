// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/screen.hpp"

#include "daemon/utc_time.hpp"
#include "repair/printable.hpp"

#include <array>
#include <cstdlib>
#include <fmt/format.h>
#include <sstream>
#include <unistd.h>
#include <utility>

namespace chainkeeper::daemon {

namespace {

std::string_view escape_of(Colour colour)
{
    switch (colour) {
    case Colour::none: return "";
    case Colour::red: return "\x1b[31m";
    case Colour::yellow: return "\x1b[33m";
    case Colour::green: return "\x1b[32m";
    case Colour::bold: return "\x1b[1m";
    }
    return "";
}

}  // namespace

void Screen::add(std::size_t indent, std::string_view label, std::string_view text, Colour colour)
{
    const auto escape = colours_ ? escape_of(colour) : std::string_view{};
    text_ +=
        fmt::format("{:<{}}{}{}{}\n", label, indent, escape, repair::printable(text), escape.empty() ? "" : "\x1b[0m");
}

void Screen::heading(std::string_view text)
{
    add(0, "", text, Colour::bold);
}

void Screen::row(std::string_view label, std::string_view text, Colour colour)
{
    add(label_width_, label == last_label_ ? "" : label, text, colour);
    last_label_ = label;
}

void Screen::wrapped_row(std::string_view label, std::string_view text, Colour colour)
{
    std::istringstream words{std::string{text}};
    std::string line;
    for (std::string word; words >> word;)
        if (line.empty() || label_width_ + line.size() + 1 + word.size() <= screen_width) {
            line += line.empty() ? word : " " + word;
        } else {
            row(label, std::exchange(line, word), colour);
        }
    if (!line.empty())
        row(label, line, colour);
}

void Screen::detail(std::string_view text)
{
    add(label_width_ + 6, "", text, Colour::none);
}

bool wants_colours(int descriptor)
{
    const char* const no_colours = std::getenv("NO_COLOR");
    return isatty(descriptor) == 1 && (no_colours == nullptr || *no_colours == '\0');
}

std::string clock_text(std::string_view utc)
{
    const auto time = wall_time_from_utc(utc);
    if (!time)
        return std::string{utc};
    const auto text = utc_text(*time);
    return fmt::format("{} {} UTC", text.substr(0, 10), text.substr(11, 8));
}

std::string when_text(std::string_view utc, WallTime now)
{
    const auto time = wall_time_from_utc(utc);
    if (!time)
        return std::string{utc};
    const auto clock = clock_text(utc);
    return *time > now ? fmt::format("{}, in {}", clock, distance_text(*time - now))
                       : fmt::format("{}, {} ago", clock, distance_text(now - *time));
}

std::string distance_text(Duration distance)
{
    constexpr std::array units{std::pair{"d", std::chrono::seconds{86400}}, std::pair{"h", std::chrono::seconds{3600}},
                               std::pair{"min", std::chrono::seconds{60}}, std::pair{"s", std::chrono::seconds{1}}};
    for (std::size_t index = 0; index < units.size(); ++index) {
        const auto& [name, length] = units.at(index);
        if (distance < length)
            continue;
        const auto rest = index + 1 < units.size() ? (distance % length) / units.at(index + 1).second : 0;
        return rest == 0 ? fmt::format("{} {}", distance / length, name)
                         : fmt::format("{} {} {} {}", distance / length, name, rest, units.at(index + 1).first);
    }
    return "0 s";
}

std::string counted(std::uint64_t count, std::string_view noun)
{
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace chainkeeper::daemon
