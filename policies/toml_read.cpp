// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/toml_read.hpp"

#include <fmt/format.h>

namespace chainkeeper::policies {

namespace {

tl::unexpected<Mistake> wrong_type(const TomlEntry& entry, std::string_view wanted)
{
    return mistake(entry.value.place, fmt::format("'{}' must be {}, not {}", entry.key, wanted, entry.value.type));
}

Read<repair::Family> family_of(const TomlValue& value)
{
    if (value.string() == nullptr)
        return mistake(value.place, fmt::format(R"(a family is written "ipv4" or "ipv6", not as {})", value.type));
    return choice_of(*value.string(), value.place, repair::all_families);
}

}  // namespace

Read<void> only_known(const TomlValue& table, std::span<const std::string_view> known, std::string_view where)
{
    for (const auto& entry : *table.table())
        if (std::ranges::find(known, entry.key) == known.end())
            return mistake(entry.place, unknown_word("key", entry.key, where, known));
    return {};
}

Read<std::string_view> string_of(const TomlEntry& entry, std::string_view wanted)
{
    const auto* string = entry.value.string();
    if (string == nullptr)
        return wrong_type(entry, wanted);
    return *string;
}

Read<std::int64_t> integer_of(const TomlEntry& entry, std::string_view wanted)
{
    const auto* integer = entry.value.integer();
    if (integer == nullptr)
        return wrong_type(entry, wanted);
    return *integer;
}

Read<bool> boolean_of(const TomlEntry& entry)
{
    const auto* boolean = entry.value.boolean();
    if (boolean == nullptr)
        return wrong_type(entry, "true or false");
    return *boolean;
}

Read<std::vector<Word>> words_of(const TomlEntry& entry, std::string_view wanted, std::string_view what)
{
    if (entry.value.array() == nullptr)
        return wrong_type(entry, wanted);
    std::vector<Word> words;
    words.reserve(entry.value.array()->size());
    for (const auto& value : *entry.value.array()) {
        if (value.string() == nullptr)
            return mistake(value.place, fmt::format("{} must be a string, not {}", what, value.type));
        words.push_back({*value.string(), value.place});
    }
    return words;
}

Read<std::string_view> required_string(const TomlValue& table, std::string_view key)
{
    const auto* entry = table.find(key);
    if (entry == nullptr)
        return mistake(table.place, fmt::format("'{}' is missing here", key));
    return string_of(*entry);
}

Read<std::optional<std::string_view>> optional_string(const TomlValue& table, std::string_view key)
{
    const auto* entry = table.find(key);
    if (entry == nullptr)
        return std::nullopt;
    return string_of(*entry);
}

Read<std::vector<const TomlValue*>> tables_in(const TomlEntry& entry, std::string_view refusal)
{
    if (entry.value.array() == nullptr)
        return mistake(entry.place, std::string{refusal});
    std::vector<const TomlValue*> tables;
    tables.reserve(entry.value.array()->size());
    for (const auto& element : *entry.value.array()) {
        if (element.table() == nullptr)
            return mistake(element.place, fmt::format("'{}' holds tables, not {}", entry.key, element.type));
        tables.push_back(&element);
    }
    return tables;
}

Read<std::vector<const TomlValue*>> tables_of(const TomlValue& table, std::string_view key)
{
    const auto* entry = table.find(key);
    if (entry == nullptr)
        return std::vector<const TomlValue*>{};
    if (entry->value.array() == nullptr)
        return wrong_type(*entry, "an array of tables");
    return tables_in(*entry, "");
}

Read<std::vector<repair::Family>> families_of(const TomlEntry& entry)
{
    constexpr std::string_view wanted = R"(an array such as ["ipv4", "ipv6"])";
    if (entry.value.array() == nullptr)
        return wrong_type(entry, wanted);
    std::vector<repair::Family> families;
    for (const auto& value : *entry.value.array()) {
        const auto family = family_of(value);
        if (!family)
            return tl::unexpected(family.error());
        if (std::ranges::find(families, *family) != families.end())
            return mistake(value.place, fmt::format("'{}' stands here twice", to_string(*family)));
        families.push_back(*family);
    }
    if (families.empty())
        return mistake(entry.value.place, fmt::format("'{}' is empty: name at least one family", entry.key));
    return families;
}

}  // namespace chainkeeper::policies
