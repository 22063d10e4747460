// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/profile_rule.hpp"

#include "policies/toml_read.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <fmt/format.h>
#include <optional>
#include <utility>

namespace chainkeeper::policies {

namespace {

using repair::Rule;

constexpr std::array rule_keys{std::string_view{"families"},    std::string_view{"source"},
                               std::string_view{"destination"}, std::string_view{"match"},
                               std::string_view{"verdict"},     std::string_view{"set_xmark"},
                               std::string_view{"masquerade"}};

// "! 127.0.0.0/8"
struct Invertible {
    std::string_view text;
    bool inverted = false;
};

Invertible invertible(std::string_view word)
{
    constexpr std::string_view bang = "! ";
    if (word.starts_with(bang))
        return {word.substr(bang.size()), true};
    return {word, false};
}

std::optional<std::uint32_t> number_of(std::string_view word)
{
    constexpr std::string_view prefix = "0x";
    if (!word.starts_with(prefix))
        return std::nullopt;
    std::uint32_t number = 0;
    const auto* const end = word.data() + word.size();
    const auto parsed = std::from_chars(word.data() + prefix.size(), end, number, 16);
    if (parsed.ec != std::errc{} || parsed.ptr != end)
        return std::nullopt;
    return number;
}

struct ValueAndMask {
    std::uint32_t value;
    std::uint32_t mask;
};

Read<ValueAndMask> value_and_mask(std::string_view word, Place place)
{
    const auto slash = word.find('/');
    if (slash != std::string_view::npos) {
        const auto value = number_of(word.substr(0, slash));
        const auto mask = number_of(word.substr(slash + 1));
        if (value && mask)
            return ValueAndMask{*value, *mask};
    }
    return mistake(place, fmt::format(R"({} is not a mark: write it as "0x4000/0x4000")", quote(word)));
}

Read<std::uint16_t> conntrack_states(std::string_view list, Place place)
{
    unsigned states = 0;
    while (true) {
        const auto comma = list.find(',');
        const auto name = list.substr(0, comma);
        const auto state = repair::conntrack_state_from_string(name);
        if (!state)
            return mistake(place, fmt::format("{} is not a state of --ctstate", quote(name)));
        states |= *state;
        if (comma == std::string_view::npos)
            return static_cast<std::uint16_t>(states);
        list.remove_prefix(comma + 1);
    }
}

Read<repair::Match> comment_match(std::string_view word, Place /*place*/)
{
    return repair::CommentMatch{std::string{word}};
}

Read<repair::Match> conntrack_match(std::string_view word, Place place)
{
    const auto [text, inverted] = invertible(word);
    const auto states = conntrack_states(text, place);
    if (!states)
        return tl::unexpected(states.error());
    return repair::ConntrackMatch{*states, inverted};
}

Read<repair::Match> mark_match(std::string_view word, Place place)
{
    const auto [text, inverted] = invertible(word);
    const auto mark = value_and_mask(text, place);
    if (!mark)
        return tl::unexpected(mark.error());
    return repair::MarkMatch{mark->value, mark->mask, inverted};
}

Read<repair::Target> verdict_target(std::string_view word, Place place)
{
    constexpr std::array words{std::string_view{"ACCEPT"}, std::string_view{"DROP"}, std::string_view{"RETURN"}};
    constexpr std::array verdicts{repair::Verdict::accept, repair::Verdict::drop, repair::Verdict::return_};
    const auto* const found = std::ranges::find(words, word);
    if (found == words.end())
        return mistake(place, unknown_word("verdict", word, "", words));
    return verdicts.at(static_cast<std::size_t>(found - words.begin()));
}

Read<repair::Target> set_mark_target(std::string_view word, Place place)
{
    const auto mark = value_and_mask(word, place);
    if (!mark)
        return tl::unexpected(mark.error());
    return repair::SetMark{mark->value, mark->mask};
}

Read<repair::Target> masquerade_target(std::string_view word, Place place)
{
    if (word != "random-fully")
        return mistake(place, R"(kubelet masquerades in one way only: write "random-fully")");
    return repair::Masquerade{.random_fully = true};
}

// A key whose word makes a part of a rule.
template <typename Part>
struct PartKey {
    std::string_view name;
    Read<Part> (*read)(std::string_view word, Place place);
};

constexpr std::array match_keys{
    PartKey<repair::Match>{"comment", comment_match},
    PartKey<repair::Match>{"ctstate", conntrack_match},
    PartKey<repair::Match>{"mark", mark_match},
};

constexpr std::array target_keys{
    PartKey<repair::Target>{"verdict", verdict_target},
    PartKey<repair::Target>{"set_xmark", set_mark_target},
    PartKey<repair::Target>{"masquerade", masquerade_target},
};

template <typename Keys>
std::vector<std::string_view> names_of(const Keys& keys)
{
    std::vector<std::string_view> names;
    names.reserve(keys.size());
    for (const auto& key : keys)
        names.push_back(key.name);
    return names;
}

// The part that the one key of `keys` in `table` makes.
template <typename Part, std::size_t count>
Read<Part> part_of(const TomlValue& table, const std::array<PartKey<Part>, count>& keys)
{
    std::optional<Part> part;
    for (const auto& key : keys) {
        const auto* entry = table.find(key.name);
        if (entry == nullptr)
            continue;
        if (part)
            return mistake(entry->place, fmt::format("only one of these may be given: {}", listed(names_of(keys))));
        auto read =
            string_of(*entry).and_then([&](std::string_view word) { return key.read(word, entry->value.place); });
        if (!read)
            return read;
        part = std::move(*read);
    }
    if (!part)
        return mistake(table.place, fmt::format("one of these is missing: {}", listed(names_of(keys))));
    return *part;
}

Read<std::vector<repair::Match>> matches_of(const TomlValue& rule)
{
    const auto tables = tables_of(rule, "match");
    if (!tables)
        return tl::unexpected(tables.error());
    std::vector<repair::Match> matches;
    for (const auto* table : *tables) {
        auto match = only_known(*table, names_of(match_keys), " in a match").and_then([&] {
            return part_of(*table, match_keys);
        });
        if (!match)
            return tl::unexpected(match.error());
        matches.push_back(std::move(*match));
    }
    return matches;
}

Read<std::optional<repair::AddressMatch>> address_of(const TomlValue& rule, std::string_view key, repair::Family family)
{
    const auto word = optional_string(rule, key);
    if (!word)
        return tl::unexpected(word.error());
    if (!*word)
        return std::nullopt;
    const auto [text, inverted] = invertible(**word);
    const auto prefix = repair::prefix_from_string(family, text);
    if (!prefix)
        return mistake(rule.find(key)->value.place,
                       fmt::format("{} is not a prefix of whole bytes in family {}", quote(text), to_string(family)));
    return repair::AddressMatch{*prefix, inverted};
}

}  // namespace

Read<Rule> rule_of(const TomlValue& table, repair::Family family)
{
    if (const auto known = only_known(table, rule_keys, " in a rule"); !known)
        return tl::unexpected(known.error());
    auto source = address_of(table, "source", family);
    if (!source)
        return tl::unexpected(source.error());
    auto destination = address_of(table, "destination", family);
    if (!destination)
        return tl::unexpected(destination.error());
    auto matches = matches_of(table);
    if (!matches)
        return tl::unexpected(matches.error());
    auto target = part_of(table, target_keys);
    if (!target)
        return tl::unexpected(target.error());
    return Rule{*source, *destination, std::move(*matches), std::move(*target)};
}

}  // namespace chainkeeper::policies
