// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/shipped_policy.hpp"

#include "policies/change_window_keys.hpp"
#include "policies/policy_file.hpp"
#include "policies/policy_keys.hpp"

#include <algorithm>
#include <cstddef>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chainkeeper::policies {

namespace {

// Why `text` is refused; nothing when it is not.
std::string refusal(std::string_view text)
{
    const auto policy = parse_policy(text, "p.toml");
    return policy ? "" : policy.error().what;
}

Policy accepted(std::string_view text)
{
    const auto policy = parse_policy(text, "p.toml");
    REQUIRE_MESSAGE(policy.has_value(), policy.error().what);
    return *policy;
}

// "# settle = …", a key and its value in the shipped file.
const std::regex commented_key{"# ([a-z0-9_]+) = .*"};

std::vector<std::string> lines_of(std::string_view text)
{
    std::vector<std::string> lines;
    std::istringstream stream{std::string{text}};
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

std::string text_of(const std::vector<std::string>& lines)
{
    return fmt::format("{}\n", fmt::join(lines, "\n"));
}

// There is no window by default: the one in the file is an example.
constexpr std::string_view example_heading = "# [[change_window]]";

// The lines up to the example, and those of the example.
std::pair<std::vector<std::string>, std::vector<std::string>> split_policy()
{
    const auto lines = lines_of(shipped_policy);
    const auto example = std::ranges::find(lines, example_heading);
    return {{lines.begin(), example}, {example, lines.end()}};
}

// The shipped file as it is when every key is uncommented.
std::vector<std::string> uncommented_policy()
{
    auto lines = split_policy().first;
    for (auto& line : lines)
        if (std::regex_match(line, commented_key))
            line.erase(0, 2);
    return lines;
}

}  // namespace

TEST_CASE("the shipped file changes nothing, as it is or with every key uncommented")
{
    CHECK(accepted(shipped_policy) == Policy{});
    CHECK(accepted(text_of(uncommented_policy())) == Policy{});
}

TEST_CASE("the shipped file has every key once, in its section and in the order of the table")
{
    std::vector<std::pair<std::string, std::string>> written;
    std::string section;
    for (const auto& line : split_policy().first) {
        std::smatch match;
        if (std::regex_match(line, match, std::regex{"\\[([a-z_]+)\\]"}))
            section = match[1];
        if (std::regex_match(line, match, commented_key))
            written.emplace_back(section, match[1]);
    }
    std::vector<std::pair<std::string, std::string>> known;
    for (const auto& key : policy_keys())
        known.emplace_back(key.section, key.name);
    CHECK(written == known);
}

TEST_CASE("the example of a change window is one when it is uncommented, and has every key")
{
    auto lines = split_policy().second;
    for (auto& line : lines)
        line.erase(0, 2);
    const auto windows = accepted(text_of(lines)).change_windows;
    REQUIRE(windows.size() == 1);
    REQUIRE(lines.size() == change_window_keys().size() + 1);
    for (std::size_t i = 0; i < change_window_keys().size(); ++i) {
        const auto& key = change_window_keys()[i];
        CHECK(lines[i + 1] == fmt::format("{} = {}", key.name, key.text(windows[0])));
    }
}

TEST_CASE("every uncommented line of the shipped file is read")
{
    const auto lines = uncommented_policy();
    std::size_t keys = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        std::smatch match;
        if (!std::regex_match(lines[i], match, std::regex{"([a-z0-9_]+) = .*"}))
            continue;
        auto broken = lines;
        broken[i] = match[1].str() + " = 1.5";
        CHECK(
            refusal(text_of(broken))
                .starts_with(fmt::format("p.toml:{}:{}: '{}' must be ", i + 1, match[1].length() + 4, match[1].str())));
        ++keys;
    }
    CHECK(keys == policy_keys().size());
}

TEST_CASE("a text that ends anywhere is a policy, or is refused with file, line and column")
{
    const auto whole = text_of(uncommented_policy());
    const std::regex located{"^p\\.toml:[0-9]+:[0-9]+: [^]+"};
    std::size_t refused = 0;
    for (std::size_t length = 0; length < whole.size(); ++length) {
        const auto what = refusal(std::string_view{whole}.substr(0, length));
        refused += what.empty() ? 0 : 1;
        if (!what.empty() && !std::regex_match(what, located))
            FAIL(what);
    }
    CHECK(refused > 100);
}

}  // namespace chainkeeper::policies
