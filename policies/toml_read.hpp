// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/toml_tree.hpp"
#include "policies/words.hpp"
#include "repair/family.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::policies {

// Refuses the first key of `table` that is not one of `known`; `where` ends the phrase "unknown key 'x'".
Read<void> only_known(const TomlValue& table, std::span<const std::string_view> known, std::string_view where);

// `wanted` says what the key takes, in words that end "'settle' must be …".
Read<std::string_view> string_of(const TomlEntry& entry, std::string_view wanted = "a string");

Read<std::int64_t> integer_of(const TomlEntry& entry, std::string_view wanted = "an integer");
Read<bool> boolean_of(const TomlEntry& entry);

// An element of an array, and where it stands.
struct Word {
    std::string_view text;
    Place place;
};
// An array of strings; `wanted` as above, `what` names one of them in words that begin "… must be a string".
Read<std::vector<Word>> words_of(const TomlEntry& entry, std::string_view wanted, std::string_view what);

Read<std::string_view> required_string(const TomlValue& table, std::string_view key);
Read<std::optional<std::string_view>> optional_string(const TomlValue& table, std::string_view key);

// The tables of an entry that is written as [[key]]; `refusal` is what is said of anything that is no array.
Read<std::vector<const TomlValue*>> tables_in(const TomlEntry& entry, std::string_view refusal);
// The same of the entry with that key; none when there is no such key.
Read<std::vector<const TomlValue*>> tables_of(const TomlValue& table, std::string_view key);

// ["ipv4", "ipv6"]: at least one, none of them twice.
Read<std::vector<repair::Family>> families_of(const TomlEntry& entry);

// The one of `all` that has the word as its to_string().
template <typename Choices>
Read<typename Choices::value_type> choice_of(std::string_view word, Place place, const Choices& all)
{
    std::vector<std::string_view> words;
    std::ranges::transform(all, std::back_inserter(words), [](auto choice) { return to_string(choice); });
    const auto found = std::ranges::find(words, word);
    if (found == words.end())
        return mistake(place, unknown_word("word", word, "", words));
    return all[static_cast<std::size_t>(found - words.begin())];
}

}  // namespace chainkeeper::policies
