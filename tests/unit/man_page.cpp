// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/man_page.hpp"

#include "tests/unit/source_tree.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <utility>

namespace chainkeeper::tests {

namespace {

bool begins_definition(const std::string& line)
{
    return line.starts_with('*');
}

bool is_indented(const std::string& line)
{
    return line.starts_with('\t');
}

void append_line(std::string& text, std::string_view line)
{
    const auto begin = line.find_first_not_of("\t ");
    if (begin == std::string_view::npos)
        return;
    text.append(text.empty() ? "" : " ").append(line.substr(begin));
}

// *bold*, but for \*.
const std::regex bold_text{R"((?:^|[^\\*])\*([^*\\]+)\*)"};

std::vector<std::string> all_matches(const std::string& text, const std::regex& pattern)
{
    std::vector<std::string> found;
    for (auto match = std::sregex_iterator{text.begin(), text.end(), pattern}; match != std::sregex_iterator{}; ++match)
        found.push_back(match->size() > 1 ? match->str(1) : match->str(0));
    return found;
}

std::vector<std::string> terms_of(const std::vector<ManPage::Definition>& definitions)
{
    std::vector<std::string> terms;
    terms.reserve(definitions.size());
    for (const auto& definition : definitions)
        terms.push_back(definition.term);
    return terms;
}

}  // namespace

ManPage::ManPage(const std::string& name)
{
    std::istringstream stream{source_text("packaging/man/" + name + ".scd")};
    std::string section;
    std::string subsection;
    bool example = false;
    for (std::string line; std::getline(stream, line);) {
        if (line == "```") {
            example = !example;
            continue;
        }
        const bool is_heading = !example && line.starts_with('#');
        if (is_heading && line.starts_with("## ")) {
            subsection = line.substr(3);
        } else if (is_heading) {
            section = line.substr(2);
            subsection.clear();
        } else {
            lines_.push_back({section, subsection, line, example});
        }
    }
    REQUIRE_FALSE(example);
}

std::vector<std::string> ManPage::subsections(std::string_view section) const
{
    std::vector<std::string> headings;
    for (const auto& line : lines_)
        if (line.section == section && !line.subsection.empty() &&
            (headings.empty() || headings.back() != line.subsection))
            headings.push_back(line.subsection);
    return headings;
}

std::vector<std::string> ManPage::sections(std::string_view beginning) const
{
    std::vector<std::string> headings;
    for (const auto& line : lines_)
        if (line.section.starts_with(beginning) && (headings.empty() || headings.back() != line.section))
            headings.push_back(line.section);
    return headings;
}

void ManPage::add_definitions(std::vector<Definition>& definitions, std::size_t at) const
{
    const auto& line = lines_[at];
    if (line.example || !begins_definition(line.text) || at + 1 >= lines_.size() || !is_indented(lines_[at + 1].text))
        return;
    std::string text;
    for (auto next = at + 1; next < lines_.size() && is_indented(lines_[next].text); ++next)
        append_line(text, lines_[next].text);
    for (auto& term : all_matches(line.text, bold_text))
        definitions.push_back({.term = std::move(term), .line = line.text, .text = text});
}

std::vector<ManPage::Definition> ManPage::definitions(std::string_view section) const
{
    std::vector<Definition> found;
    for (std::size_t at = 0; at < lines_.size(); ++at)
        if (lines_[at].section == section)
            add_definitions(found, at);
    return found;
}

std::vector<ManPage::Definition> ManPage::definitions(std::string_view section, std::string_view subsection) const
{
    std::vector<Definition> found;
    for (std::size_t at = 0; at < lines_.size(); ++at)
        if (lines_[at].section == section && lines_[at].subsection == subsection)
            add_definitions(found, at);
    return found;
}

std::vector<std::string> ManPage::terms(std::string_view section) const
{
    return terms_of(definitions(section));
}

std::vector<std::string> ManPage::terms(std::string_view section, std::string_view subsection) const
{
    return terms_of(definitions(section, subsection));
}

std::string ManPage::text(std::string_view section, std::string_view subsection) const
{
    std::string text;
    for (const auto& line : lines_)
        if (line.section == section && line.subsection == subsection && !line.example)
            append_line(text, line.text);
    return text;
}

std::string ManPage::examples(std::string_view section) const
{
    std::string text;
    for (const auto& line : lines_)
        if (line.section == section && line.example)
            text.append(line.text).append("\n");
    return text;
}

std::vector<std::string> ManPage::bold(const std::regex& pattern) const
{
    std::vector<std::string> found;
    for (const auto& line : lines_)
        if (!line.example)
            for (auto& text : all_matches(line.text, bold_text))
                if (std::regex_match(text, pattern))
                    found.push_back(std::move(text));
    return found;
}

std::string source_text(const std::filesystem::path& path)
{
    std::ifstream file{source_tree / path};
    REQUIRE_MESSAGE(file.good(), path.string());
    return {std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
}

std::vector<std::string> matches(const std::string& text, const std::regex& pattern)
{
    const auto found = all_matches(text, pattern);
    const std::set<std::string> once{found.begin(), found.end()};
    return {once.begin(), once.end()};
}

std::vector<std::string> matches_in_sources(const std::string& folder, const std::regex& pattern)
{
    std::string text;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{source_tree / folder})
        if (entry.path().extension() == ".cpp" || entry.path().extension() == ".hpp")
            text += source_text(entry.path());
    return matches(text, pattern);
}

std::vector<std::string> sorted(std::vector<std::string> names)
{
    std::ranges::sort(names);
    return names;
}

std::string difference(const std::vector<std::string>& documented, const std::vector<std::string>& real)
{
    std::string text;
    for (const auto& name : real)
        if (std::ranges::find(documented, name) == documented.end())
            text += "'" + name + "' is not documented. ";
    for (const auto& name : documented)
        if (std::ranges::find(real, name) == real.end())
            text += "'" + name + "' is documented, and there is no such thing. ";
    return text.empty() && documented != real ? "the order is another" : text;
}

}  // namespace chainkeeper::tests
