// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/journal_entry.hpp"
#include "policies/text_file.hpp"
#include "repair/process/child_process.hpp"
#include "tests/unit/sample_reports.hpp"
#include "tests/unit/source_tree.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <map>
#include <set>
#include <sstream>
#include <unistd.h>

// systemd/chainkeeper.catalog and the code, held together.
using namespace chainkeeper;
using namespace chainkeeper::daemon;
using namespace chainkeeper::tests;
using namespace std::chrono_literals;

namespace {

const std::filesystem::path shipped_catalog = source_tree / "systemd/chainkeeper.catalog";

// What is beneath "-- ID", by id.
using Catalog = std::multimap<std::string, std::string>;

std::string catalog_text()
{
    const auto text = policies::read_text_file(shipped_catalog);
    REQUIRE(text);
    return *text;
}

Catalog read_catalog()
{
    Catalog catalog;
    std::string* entry = nullptr;
    std::istringstream lines{catalog_text()};
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("-- "))
            entry = &catalog.emplace(line.substr(3), "")->second;
        else if (entry != nullptr && !line.starts_with("#"))
            *entry += line + "\n";
    }
    return catalog;
}

// The names between at signs.
std::set<std::string> fields_in(const std::string& text)
{
    std::set<std::string> fields;
    for (auto start = text.find('@'); start != std::string::npos;) {
        const auto end = text.find('@', start + 1);
        REQUIRE(end != std::string::npos);
        fields.insert(text.substr(start + 1, end - start - 1));
        start = text.find('@', end + 1);
    }
    return fields;
}

bool sends(const Entry& entry, const std::string& name)
{
    return std::ranges::any_of(entry.fields,
                               [&](const Field& field) { return field.name == name && !field.value.empty(); });
}

// A root folder with nothing in it but the catalog, as systemd-journald would find it installed.
class CatalogRoot {
public:
    CatalogRoot() : path_{std::filesystem::temp_directory_path() / fmt::format("catalog-{}", getpid())}
    {
        std::filesystem::create_directories(path_ / "usr/lib/systemd/catalog");
        std::filesystem::create_directories(path_ / "var/lib/systemd/catalog");
        std::filesystem::copy_file(shipped_catalog, path_ / "usr/lib/systemd/catalog/chainkeeper.catalog");
    }
    ~CatalogRoot() { std::filesystem::remove_all(path_); }
    CatalogRoot(const CatalogRoot&) = delete;
    CatalogRoot& operator=(const CatalogRoot&) = delete;
    CatalogRoot(CatalogRoot&&) = delete;
    CatalogRoot& operator=(CatalogRoot&&) = delete;

    [[nodiscard]] std::string journalctl(const std::vector<std::string>& arguments) const
    {
        std::vector<std::string> command{"journalctl", "--no-pager", "--root=" + path_.string()};
        command.insert(command.end(), arguments.begin(), arguments.end());
        const auto answer = repair::run_command(command, 30s);
        REQUIRE(answer);
        CAPTURE(answer->output);
        REQUIRE(answer->exit_code == 0);
        return answer->output;
    }

private:
    std::filesystem::path path_;
};

}  // namespace

TEST_CASE("catalog: every id of the code has one entry, and there is no other")
{
    const auto catalog = read_catalog();
    CHECK(catalog.size() == all_messages.size());
    for (const auto message : all_messages) {
        CAPTURE(to_string(message));
        CHECK(catalog.count(std::string{message_id(message)}) == 1);
    }
}

TEST_CASE("catalog: every entry says what happened, who says so, what it means and what to do")
{
    for (const auto& entry : read_catalog()) {
        const auto& id = entry.first;
        const auto& text = entry.second;
        CAPTURE(id);
        for (const auto* const header :
             {"Subject: ", "Defined-By: chainkeeper\n", "Support: ", "Documentation: man:chainkeeperd(8)\n\n"})
            CHECK(text.find(header) != std::string::npos);
        CHECK(text.size() - text.find("\n\n") > 60);
    }
}

TEST_CASE("catalog: every field that an entry shows is sent, though little is known")
{
    const auto catalog = read_catalog();
    unsigned shown = 0;
    for (const auto& report : sparse_reports()) {
        const auto entry = entry_of(report);
        const auto found = catalog.find(std::string{message_id(entry.message)});
        REQUIRE(found != catalog.end());
        for (const auto& field : fields_in(found->second)) {
            CAPTURE(to_string(entry.message));
            CAPTURE(field);
            CHECK(sends(entry, field));
            ++shown;
        }
    }
    CHECK(shown > 50);
}

TEST_CASE("catalog: systemd takes it as it is")
{
    const CatalogRoot root;
    CHECK(root.journalctl({"--update-catalog"}).empty());
    std::set<std::string> listed;
    std::istringstream lines{root.journalctl({"--list-catalog"})};
    for (std::string line; std::getline(lines, line);)
        listed.insert(line.substr(0, 32));
    CHECK(listed.size() == all_messages.size());
    for (const auto message : all_messages)
        CHECK(listed.contains(std::string{message_id(message)}));
}
