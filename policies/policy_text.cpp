// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/policy_text.hpp"

#include "policies/change_window_keys.hpp"
#include "policies/policy_keys.hpp"
#include "repair/printable.hpp"

#include <algorithm>
#include <cstddef>
#include <fmt/format.h>

namespace chainkeeper::policies {

namespace {

// Comments stand below each other, but a longer value does not push all of them to the right.
constexpr std::size_t widest_column = 48;

std::string place_text(const Written& written)
{
    return repair::printable(fmt::format("{}:{}", written.file, written.place.line));
}

std::string origin_of(const SourcedPolicy& sourced, const PolicyKey& key)
{
    const auto* const written = sourced.find(key.section, key.name);
    return written == nullptr ? "default" : place_text(*written);
}

std::vector<KeyText> key_texts(const SourcedPolicy& sourced, std::string_view section)
{
    std::vector<KeyText> keys;
    for (const auto& key : policy_keys())
        if (key.section == section)
            keys.push_back({key.name, key.text(sourced.policy), origin_of(sourced, key)});
    return keys;
}

std::vector<KeyText> key_texts(const ChangeWindow& window, const Written& written)
{
    std::vector<KeyText> keys;
    keys.reserve(change_window_keys().size());
    for (const auto& key : change_window_keys())
        keys.push_back({key.name, key.text(window), place_text(written)});
    return keys;
}

std::string line_of(const KeyText& key)
{
    return fmt::format("{} = {}", key.name, key.text);
}

std::size_t comment_column(const std::vector<KeyText>& keys)
{
    std::size_t column = 0;
    for (const auto& key : keys)
        if (const auto width = line_of(key).size(); width <= widest_column)
            column = std::max(column, width);
    return column;
}

std::string text_of(std::string_view heading, const std::vector<KeyText>& keys)
{
    auto text = fmt::format("{}\n", heading);
    const auto column = comment_column(keys);
    for (const auto& key : keys)
        text += fmt::format("{:<{}}  # {}\n", line_of(key), column, key.from);
    return text;
}

}  // namespace

std::vector<SectionText> section_texts(const SourcedPolicy& sourced)
{
    std::vector<SectionText> sections;
    for (const auto section : policy_sections())
        sections.push_back({section, key_texts(sourced, section)});
    return sections;
}

std::vector<std::vector<KeyText>> change_window_texts(const SourcedPolicy& sourced)
{
    std::vector<std::vector<KeyText>> windows;
    auto window = sourced.policy.change_windows.begin();
    for (const auto& written : sourced.written)
        if (written.section == change_window_section)
            windows.push_back(key_texts(*window++, written));
    return windows;
}

std::string policy_text(const SourcedPolicy& sourced)
{
    std::string text;
    for (const auto& section : section_texts(sourced))
        text += text_of(fmt::format("[{}]", section.name), section.keys) + '\n';
    const auto windows = change_window_texts(sourced);
    if (windows.empty())
        text += "# no [[change_window]]\n";
    for (std::size_t number = 0; number < windows.size(); ++number)
        text += (number == 0 ? "" : "\n") + text_of("[[change_window]]", windows[number]);
    return text;
}

}  // namespace chainkeeper::policies
