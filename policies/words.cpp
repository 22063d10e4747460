// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/words.hpp"

#include "repair/printable.hpp"

#include <algorithm>
#include <cstddef>
#include <fmt/format.h>
#include <vector>

namespace chainkeeper::policies {

namespace {

constexpr std::size_t longest_quote = 64;

bool continues_character(char byte)
{
    return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U;
}

// A beginning of `text` that is no longer than a quote may be and ends between two UTF-8 characters.
std::string_view beginning(std::string_view text)
{
    if (text.size() <= longest_quote)
        return text;
    auto length = longest_quote;
    while (length > 0 && continues_character(text[length]))
        --length;
    return text.substr(0, length);
}

// Levenshtein's, where two neighbours that changed places count as one step (optimal string alignment).
std::size_t edit_distance(std::string_view left, std::string_view right)
{
    std::vector<std::vector<std::size_t>> steps(left.size() + 1, std::vector<std::size_t>(right.size() + 1));
    for (std::size_t i = 0; i <= left.size(); ++i)
        for (std::size_t j = 0; j <= right.size(); ++j) {
            if (i == 0 || j == 0) {
                steps[i][j] = i + j;
                continue;
            }
            const auto replaced = steps[i - 1][j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1);
            steps[i][j] = std::min({steps[i - 1][j] + 1, steps[i][j - 1] + 1, replaced});
            if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
                steps[i][j] = std::min(steps[i][j], steps[i - 2][j - 2] + 1);
        }
    return steps.back().back();
}

std::size_t tolerance(std::string_view left, std::string_view right)
{
    return (std::max(left.size(), right.size()) + 1) / 3;
}

}  // namespace

std::string quote(std::string_view word)
{
    const auto shown = beginning(word);
    return fmt::format("'{}{}'", repair::printable(shown), shown.size() < word.size() ? "…" : "");
}

std::string listed(std::span<const std::string_view> words)
{
    return fmt::format("{}", fmt::join(words, ", "));
}

std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> known)
{
    if (known.empty() || word.size() > longest_quote)
        return std::nullopt;
    const auto best = *std::ranges::min_element(
        known, {}, [&](std::string_view candidate) { return edit_distance(word, candidate); });
    if (edit_distance(word, best) > tolerance(word, best))
        return std::nullopt;
    return best;
}

std::string unknown_word(std::string_view what, std::string_view word, std::string_view where,
                         std::span<const std::string_view> known)
{
    const auto beginning = fmt::format("unknown {} {}{}", what, quote(word), where);
    if (const auto near = nearest(word, known))
        return fmt::format("{}; did you mean '{}'?", beginning, *near);
    return fmt::format("{}; known: {}", beginning, listed(known));
}

}  // namespace chainkeeper::policies
