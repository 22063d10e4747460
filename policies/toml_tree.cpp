// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/toml_tree.hpp"

#include "policies/toml_screen.hpp"
#include "repair/printable.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <utility>

namespace {

struct ParserGaveUp {};

[[noreturn]] void parser_gave_up()
{
    throw ParserGaveUp{};
}

}  // namespace

// toml++ 3.3 and 3.4 take some bad texts, such as "[.x]", for impossible: their parser asserts, and without assertions
// goes on into undefined behaviour. The library's own hook makes an exception of it, in every type of build.
#undef NDEBUG
#define TOML_ASSERT(condition) ((condition) ? static_cast<void>(0) : parser_gave_up())
#include <toml++/toml.h>

namespace chainkeeper::policies {

namespace {

Place place_of(const toml::source_region& region)
{
    return {region.begin.line, region.begin.column};
}

std::string_view type_name(toml::node_type type)
{
    switch (type) {
    case toml::node_type::none: return "nothing";
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "an array";
    case toml::node_type::string: return "a string";
    case toml::node_type::integer: return "an integer";
    case toml::node_type::floating_point: return "a floating-point number";
    case toml::node_type::boolean: return "a boolean";
    case toml::node_type::date: return "a date";
    case toml::node_type::time: return "a time";
    case toml::node_type::date_time: return "a date and time";
    }
    return "something else";
}

// The library bounds the depth of a text (TOML_MAX_NESTED_VALUES), and so the recursion here.
TomlValue tree_of(const toml::node& node);

TomlValue::Array values_of(const toml::array& array)
{
    TomlValue::Array values;
    values.reserve(array.size());
    for (const auto& element : array)
        values.push_back(tree_of(element));
    return values;
}

std::pair<std::uint32_t, std::uint32_t> written_at(const TomlEntry& entry)
{
    return {entry.place.line, entry.place.column};
}

TomlTable entries_of(const toml::table& table)
{
    TomlTable entries;
    entries.reserve(table.size());
    for (const auto& [key, node] : table)
        entries.push_back({std::string{key.str()}, place_of(key.source()), tree_of(node)});
    std::ranges::stable_sort(entries, {}, written_at);
    return entries;
}

TomlValue tree_of(const toml::node& node)
{
    TomlValue value{place_of(node.source()), type_name(node.type()), {}};
    if (const auto* string = node.as_string())
        value.content = string->get();
    else if (const auto* integer = node.as_integer())
        value.content = integer->get();
    else if (const auto* boolean = node.as_boolean())
        value.content = boolean->get();
    else if (const auto* array = node.as_array())
        value.content = values_of(*array);
    else if (const auto* table = node.as_table())
        value.content = entries_of(*table);
    return value;
}

bool gives_up_at(std::string_view text)
{
    try {
        static_cast<void>(toml::parse(text));
    } catch (const toml::parse_error&) {
        return false;
    } catch (const ParserGaveUp&) {
        return true;
    }
    return false;
}

// The exception does not say where. A text that ends before the line does not make it, one that ends after it does.
std::uint32_t line_given_up_at(std::string_view text)
{
    std::vector<std::size_t> ends;
    for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', end + 1))
        ends.push_back(end);
    const auto first =
        std::ranges::partition_point(ends, [&](std::size_t end) { return !gives_up_at(text.substr(0, end)); });
    return static_cast<std::uint32_t>(std::distance(ends.begin(), first)) + 1;
}

}  // namespace

tl::unexpected<Mistake> mistake(Place place, std::string sentence)
{
    return tl::unexpected(Mistake{place, std::move(sentence)});
}

std::string to_string(std::string_view file, Place place)
{
    return fmt::format("{}:{}:{}", file, place.line, place.column);
}

std::string to_string(std::string_view file, const Mistake& mistake)
{
    return fmt::format("{}: {}", to_string(file, mistake.place), mistake.sentence);
}

const std::string* TomlValue::string() const
{
    return std::get_if<std::string>(&content);
}

const std::int64_t* TomlValue::integer() const
{
    return std::get_if<std::int64_t>(&content);
}

const bool* TomlValue::boolean() const
{
    return std::get_if<bool>(&content);
}

const TomlValue::Array* TomlValue::array() const
{
    return std::get_if<Array>(&content);
}

const TomlTable* TomlValue::table() const
{
    return std::get_if<TomlTable>(&content);
}

const TomlEntry* TomlValue::find(std::string_view key) const
{
    const auto* entries = table();
    if (entries == nullptr)
        return nullptr;
    const auto found = std::ranges::find(*entries, key, &TomlEntry::key);
    return found == entries->end() ? nullptr : &*found;
}

Read<TomlValue> parse_toml(std::string_view text)
{
    if (auto unfit = unfit_for_parser(text))
        return tl::unexpected(std::move(*unfit));
    try {
        return tree_of(toml::parse(text));
    } catch (const toml::parse_error& error) {
        // It quotes the text as it is.
        return mistake(place_of(error.source()),
                       fmt::format("this is not TOML: {}", repair::printable(error.description())));
    } catch (const ParserGaveUp&) {
        return mistake({.line = line_given_up_at(text)}, "this is not TOML: the line cannot be read");
    }
}

}  // namespace chainkeeper::policies
