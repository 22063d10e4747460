// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <map>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::tests {

// A page of packaging/man, as scdoc(5) is written there: "# SECTION", "## Subsection", and definitions, which are a
// line of *terms* and an indented text. What stands between ``` is an example and no markup.
class ManPage {
public:
    // "chainkeeperd.8"
    explicit ManPage(const std::string& name);

    // The headings of the subsections of a section, in their order.
    [[nodiscard]] std::vector<std::string> subsections(std::string_view section) const;
    // The sections whose names begin with that, in their order.
    [[nodiscard]] std::vector<std::string> sections(std::string_view beginning) const;

    // What is defined in a section, with all of its subsections, or in one of them, in the order of the page. The terms
    // of "*-h*, *--help*" are two.
    struct Definition {
        std::string term;
        std::string line;  // that it stands in
        std::string text;  // in one line
    };
    [[nodiscard]] std::vector<Definition> definitions(std::string_view section) const;
    [[nodiscard]] std::vector<Definition> definitions(std::string_view section, std::string_view subsection) const;
    [[nodiscard]] std::vector<std::string> terms(std::string_view section) const;
    [[nodiscard]] std::vector<std::string> terms(std::string_view section, std::string_view subsection) const;

    // The text of a subsection, in one line; the examples of a section.
    [[nodiscard]] std::string text(std::string_view section, std::string_view subsection) const;
    [[nodiscard]] std::string examples(std::string_view section) const;

    // Everything that is *bold* and matches.
    [[nodiscard]] std::vector<std::string> bold(const std::regex& pattern) const;

private:
    struct Line {
        std::string section;
        std::string subsection;
        std::string text;
        bool example = false;
    };
    void add_definitions(std::vector<Definition>& definitions, std::size_t at) const;

    std::vector<Line> lines_;
};

// A file of the repository.
std::string source_text(const std::filesystem::path& path);

// What the group in `pattern` (or all of it, where it has none) matches in a text, each once, sorted.
std::vector<std::string> matches(const std::string& text, const std::regex& pattern);
// The same in every .cpp and .hpp file of a folder and of those in it.
std::vector<std::string> matches_in_sources(const std::string& folder, const std::regex& pattern);

std::vector<std::string> sorted(std::vector<std::string> names);

// What is only in one of them, as a sentence each; empty where they are the same, in the same order.
std::string difference(const std::vector<std::string>& documented, const std::vector<std::string>& real);

}  // namespace chainkeeper::tests
