// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace chainkeeper::policies {

// 'word', cut when it is long and without control characters: fit for a terminal and a journal.
std::string quote(std::string_view word);

// "a, b, c"
std::string listed(std::span<const std::string_view> words);

// The known word that `word` was probably meant to be: up to about a third of its letters differ.
std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> known);

// "unknown key 'setle' in [repair]; did you mean 'settle'?", or with all that is known where nothing is near. `what`
// is "key", `where` " in [repair]" or nothing.
std::string unknown_word(std::string_view what, std::string_view word, std::string_view where,
                         std::span<const std::string_view> known);

}  // namespace chainkeeper::policies
