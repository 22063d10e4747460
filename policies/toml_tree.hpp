// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

namespace chainkeeper::policies {

// Where in a text something stands, counted from 1.
struct Place {
    std::uint32_t line = 1;
    std::uint32_t column = 1;
};

// What is wrong with a text: a sentence without a full stop.
struct Mistake {
    Place place;
    std::string sentence;
};

template <typename T>
using Read = tl::expected<T, Mistake>;

tl::unexpected<Mistake> mistake(Place place, std::string sentence);

// "chainkeeper.toml:12:3"
std::string to_string(std::string_view file, Place place);
// "chainkeeper.toml:12:3: unknown key …"
std::string to_string(std::string_view file, const Mistake& mistake);

struct TomlEntry;
using TomlTable = std::vector<TomlEntry>;

// What a TOML text says, and where it says so. Floating-point numbers and dates have no content: nothing here is
// written as one of these, and `type` is all that an error has to say of them.
struct TomlValue {
    using Array = std::vector<TomlValue>;

    Place place;
    std::string_view type;  // "a string", "an integer", "a table", …
    std::variant<std::monostate, std::string, std::int64_t, bool, Array, TomlTable> content;

    // Nothing where the value is of another type.
    [[nodiscard]] const std::string* string() const;
    [[nodiscard]] const std::int64_t* integer() const;
    [[nodiscard]] const bool* boolean() const;
    [[nodiscard]] const Array* array() const;
    [[nodiscard]] const TomlTable* table() const;
    // The entry of a table.
    [[nodiscard]] const TomlEntry* find(std::string_view key) const;
};

struct TomlEntry {
    std::string key;
    Place place;  // of the key
    TomlValue value;
};

// The table that the whole text is, its entries in the order in which they are written.
Read<TomlValue> parse_toml(std::string_view text);

}  // namespace chainkeeper::policies
