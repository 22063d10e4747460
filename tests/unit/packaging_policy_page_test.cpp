// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/change_window_keys.hpp"
#include "policies/policy_file.hpp"
#include "policies/policy_keys.hpp"
#include "policies/profile.hpp"
#include "tests/unit/man_page.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <optional>

// chainkeeper.toml(5) says of every key what the code makes of it.

using namespace chainkeeper;
using namespace chainkeeper::policies;
using namespace chainkeeper::tests;

namespace {

const ManPage& page()
{
    static const ManPage page{"chainkeeper.toml.5"};
    return page;
}

std::string section_of(std::string_view section)
{
    return section == change_window_section ? fmt::format("SECTION [[{}]]", section)
                                            : fmt::format("SECTION [{}]", section);
}

// A policy file that gives one key a value, and is right in all else.
std::string file_with(std::string_view section, std::string_view key, std::string_view value)
{
    if (section != change_window_section)
        return fmt::format("[{}]\n{} = {}\n", section, key, value);
    std::string text = "[[change_window]]\n";
    for (const auto& [name, usual] :
         {std::pair{"weekdays", R"(["Mon"])"}, {"start", R"("22:00")"}, {"duration", R"("8h")"}})
        text += fmt::format("{} = {}\n", name, name == key ? value : usual);
    return key == "time_zone" ? fmt::format("{}{} = {}\n", text, key, value) : text;
}

// Why the value is refused; nothing when it is not.
std::string refusal(std::string_view section, std::string_view key, std::string_view value)
{
    const auto policy = parse_policy(file_with(section, key, value), "p.toml");
    return policy ? "" : policy.error().what;
}

// What the loader says to values that no key takes.
std::string refusals(std::string_view section, std::string_view key)
{
    std::string text;
    for (const auto* const value : {R"("?")", R"(["?"])", R"("100000h")", "-1"})
        text += refusal(section, key, value) + "\n";
    return text;
}

std::vector<std::string> split(const std::string& words)
{
    static const std::regex word{R"([^, ]+)"};
    return matches(words, word);
}

std::optional<std::string> default_of(const std::string& text)
{
    static const std::regex sentence{R"(Default: \*(.+?)\*\.)"};
    std::smatch match;
    return std::regex_search(text, match, sentence) ? std::optional{match.str(1)} : std::nullopt;
}

void check_bounds(std::string_view section, std::string_view key)
{
    static const std::regex bounds{R"(from \S+ to [^\s:,]+(?::\d\d\")?)"};
    const auto text = page().text(section_of(section), key);
    for (const auto& each : matches(refusals(section, key), bounds))
        CHECK_MESSAGE(text.find(each + ".") != std::string::npos, key, ": ", each, " is not in: ", text);
}

// Words that the key takes are defined as *"word"*, or stand in quotes where it takes several.
void check_words(std::string_view section, std::string_view key)
{
    static const std::regex known{R"(known: ([^\n]+))"};
    const auto text = page().text(section_of(section), key);
    const auto lists = matches(refusals(section, key), known);
    for (const auto& list : lists)
        for (const auto& word : split(list))
            CHECK_MESSAGE(text.find('"' + word + '"') != std::string::npos, key, ": ", word);
    for (const auto& term : page().terms(section_of(section), key))
        CHECK_MESSAGE(refusal(section, key, term).empty(), key, ": ", refusal(section, key, term));
}

void check_key(std::string_view section, std::string_view key)
{
    CHECK(page().text(section_of(section), key).find("Since ") != std::string::npos);
    check_bounds(section, key);
    check_words(section, key);
}

}  // namespace

TEST_CASE("chainkeeper.toml(5) has every section and every key of the policy, and no other")
{
    const auto names = policy_sections();
    std::vector<std::string> sections;
    sections.reserve(names.size() + 1);
    for (const auto section : names)
        sections.push_back(section_of(section));
    sections.push_back(section_of(change_window_section));
    CHECK(difference(page().sections("SECTION "), sections) == "");

    const auto texts_of = [](const auto& views) { return std::vector<std::string>(views.begin(), views.end()); };
    for (const auto section : names)
        CHECK(difference(page().subsections(section_of(section)), texts_of(policy_keys_of(section))) == "");
    CHECK(difference(page().subsections(section_of(change_window_section)), texts_of(change_window_key_names())) == "");
}

TEST_CASE("chainkeeper.toml(5) gives the default of every key")
{
    for (const auto& key : policy_keys()) {
        CAPTURE(key.name);
        const auto value = default_of(page().text(section_of(key.section), key.name));
        REQUIRE(value.has_value());
        const auto policy = parse_policy(file_with(key.section, key.name, *value), "p.toml");
        REQUIRE_MESSAGE(policy.has_value(), policy.error().what);
        CHECK(*policy == Policy{});
    }
    for (const auto& key : change_window_keys()) {
        CAPTURE(key.name);
        const auto text = page().text(section_of(change_window_section), key.name);
        CHECK((text.find(" Required. ") != std::string::npos) == key.required);
        CHECK(default_of(text).value_or("") == (key.required ? "" : key.text(ChangeWindow{})));
    }
}

TEST_CASE("chainkeeper.toml(5) gives the bounds and the words of every key")
{
    for (const auto& key : policy_keys())
        check_key(key.section, key.name);
    for (const auto& key : change_window_keys())
        check_key(change_window_section, key.name);
}

TEST_CASE("chainkeeper.toml(5) tells which versions of kubelet are known")
{
    const auto text = page().text(section_of("kubelet"), "version");
    const auto has = [&](std::string_view sentence, Profile::Version version) {
        return text.find(fmt::format(fmt::runtime(sentence), version.major, version.minor)) != std::string::npos;
    };
    CHECK(has(R"("{}.{}" and later)", profiles().front().since));
    CHECK(has("every version from {}.{} on", profiles().back().since));
    CHECK(has("the newest known, which is {}.{},", profiles().back().tested_to));
}

TEST_CASE("the examples of chainkeeper.toml(5) are policies")
{
    const auto examples = page().examples("EXAMPLES");
    CHECK_FALSE(examples.empty());
    // A section may be there once: each begins an example of its own.
    std::string example;
    std::istringstream stream{examples + "[end]\n"};
    for (std::string line; std::getline(stream, line);) {
        if (line.starts_with('[') && !line.starts_with("[[") && !example.empty()) {
            const auto policy = parse_policy(std::exchange(example, ""), "example");
            CHECK_MESSAGE(policy.has_value(), policy.error().what);
        }
        example += line + "\n";
    }
}
