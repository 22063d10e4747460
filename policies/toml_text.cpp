// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/toml_text.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

namespace chainkeeper::policies {

namespace {

std::string escaped(char character)
{
    const auto byte = static_cast<unsigned char>(character);
    if (character == '"' || character == '\\')
        return fmt::format(R"(\{})", character);
    if (byte < 0x20 || byte == 0x7f)
        return fmt::format(R"(\u{:04x})", byte);
    return {character};
}

}  // namespace

std::string toml_string(std::string_view word)
{
    std::string text{'"'};
    for (const char character : word)
        text += escaped(character);
    return text + '"';
}

std::string toml_boolean(bool value)
{
    return value ? "true" : "false";
}

std::string toml_array(const std::vector<std::string>& words)
{
    std::vector<std::string> quoted;
    quoted.reserve(words.size());
    std::ranges::transform(words, std::back_inserter(quoted), [](const auto& word) { return toml_string(word); });
    return fmt::format("[{}]", fmt::join(quoted, ", "));
}

}  // namespace chainkeeper::policies
