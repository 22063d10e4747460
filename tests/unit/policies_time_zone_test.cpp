// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/time_zone.hpp"

#include "policies/text_file.hpp"
#include "policies/zone_file.hpp"

#include <cstdint>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

namespace chainkeeper::policies {

namespace {

using namespace std::string_view_literals;

std::string file_of(std::string_view name)
{
    auto contents = read_text_file("/usr/share/zoneinfo/" + std::string{name});
    REQUIRE_MESSAGE(contents.has_value(), contents.error());
    return *std::move(contents);
}

std::string unfit(std::string_view contents)
{
    return unfit_for_date_library(contents).value_or("");
}

std::string refusal(std::string_view name)
{
    const auto zone = TimeZone::named(name);
    return zone ? "" : zone.error();
}

std::string big_endian(std::uint64_t number, int bytes)
{
    std::string text;
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
        text += static_cast<char>(number >> static_cast<unsigned>(shift) & 0xffU);
    return text;
}

// The smallest zone: no transition, one type.
struct Zone {
    std::uint64_t transitions = 0;
    std::uint64_t types = 1;
    std::uint64_t abbreviations = 4;
    std::string body = one_type();
    std::string footer = "\nUTC0\n";

    static std::string one_type() { return std::string{"\0\0\0\0\0\0UTC\0"sv}; }

    [[nodiscard]] std::string text() const
    {
        const auto header = [](std::uint64_t all, std::uint64_t of_types, std::uint64_t chars) {
            return "TZif2" + std::string(15 + 12, '\0') + big_endian(all, 4) + big_endian(of_types, 4) +
                   big_endian(chars, 4);
        };
        return header(0, 0, 0) + header(transitions, types, abbreviations) + body + footer;
    }
};

// A folder that goes with everything in it.
class Database {
public:
    Database()
    {
        auto name = (std::filesystem::temp_directory_path() / "zones-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    Database(Database&&) = delete;
    Database& operator=(Database&&) = delete;
    ~Database()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    void write(std::string_view name, std::string_view text) const
    {
        const auto file = path_ / name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream{file} << text;
    }

private:
    std::filesystem::path path_;
};

}  // namespace

TEST_CASE("the zones of this system are read")
{
    for (const auto name : {"UTC", "Etc/UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Africa/Casablanca",
                            "Pacific/Apia", "America/Argentina/Buenos_Aires"})
        CHECK(refusal(name).empty());
}

TEST_CASE("a zone that nobody knows is refused with the nearest one")
{
    CHECK(refusal("Europe/Berlim") == "unknown time zone 'Europe/Berlim'; did you mean 'Europe/Berlin'?");
    CHECK(refusal("utc") == R"(unknown time zone 'utc': write a name such as "Europe/Berlin" or "UTC")");
    for (const auto name :
         {"", "/", "..", "../../../etc/passwd", "/etc/passwd", "UTC\n", "\xff\xfe", "Europe", "tzdata.zi"})
        CHECK(refusal(name).starts_with("unknown time zone '"));
    CHECK(refusal(std::string(100'000, 'x')).size() < 200);
}

TEST_CASE("a system without time zones is told to install them")
{
    const Database database;
    const std::string without = R"(this system has no time zones: install the package tzdata, or write "UTC")";
    CHECK(unfit_database(database.path().string()) == without);
    CHECK(unfit_database(database.path().string() + "/no/such") == without);
    CHECK(refusal("UTC").empty());
}

TEST_CASE("of a system's time zones those are looked at that the library always reads")
{
    const Database database;
    const auto path = database.path().string();
    database.write("UTC", Zone{}.text());
    CHECK_FALSE(unfit_database(path));
    database.write("Europe/Berlin", "garbage");
    CHECK_FALSE(unfit_database(path));
    database.write("right/UTC", Zone{}.text());
    CHECK_FALSE(unfit_database(path));
    database.write("right/UTC", "garbage");
    CHECK(unfit_database(path) == "the file " + path + "/right/UTC is no time zone of version 2 or later");
    database.write("UTC", Zone{}.text() + "garbage");
    CHECK(unfit_database(path) == "the file " + path + "/UTC is damaged");
}

TEST_CASE("a zone file as distributions make it is fit for the library")
{
    for (const auto name : {"UTC", "Europe/Berlin", "Africa/Casablanca", "Asia/Kolkata"})
        CHECK(unfit(file_of(name)).empty());
    CHECK(unfit(Zone{}.text()).empty());
}

TEST_CASE("what is no zone file is not")
{
    for (const auto text : {""sv, "TZif"sv, "garbage"sv})
        CHECK(unfit(text) == "is no time zone of version 2 or later");
    auto first_version = file_of("UTC");
    first_version[4] = '\0';
    CHECK(unfit(first_version) == "is no time zone of version 2 or later");
}

TEST_CASE("a zone file that ends anywhere is not fit, nor is one that goes on")
{
    const auto whole = file_of("Europe/Berlin");
    for (std::size_t length = 0; length < whole.size(); ++length)
        if (unfit(std::string_view{whole}.substr(0, length)).empty())
            FAIL(length);
    CHECK(unfit(whole + "x") == "is damaged");
}

TEST_CASE("counts are not believed")
{
    for (const std::uint64_t count : {std::uint64_t{1}, std::uint64_t{1000}, std::uint64_t{0xffff'ffff}}) {
        CHECK(unfit(Zone{.transitions = count}.text()) == "is damaged");
        CHECK(unfit(Zone{.types = 1 + count}.text()) == "is damaged");
        CHECK(unfit(Zone{.abbreviations = 20 + count}.text()) == "is damaged");
    }
    CHECK(unfit(Zone{.types = 0, .abbreviations = 10}.text()) == "is damaged");
}

TEST_CASE("a transition to a type that is not there is found, and a type without its abbreviation")
{
    const auto transition = big_endian(0, 8);
    CHECK(unfit(Zone{.transitions = 1, .body = transition + '\0' + Zone::one_type()}.text()).empty());
    CHECK(unfit(Zone{.transitions = 1, .body = transition + '\1' + Zone::one_type()}.text()) == "is damaged");
    CHECK(unfit(Zone{.transitions = 1, .body = transition + '\xff' + Zone::one_type()}.text()) == "is damaged");
    auto type = Zone::one_type();
    type[5] = '\4';
    CHECK(unfit(Zone{.body = type}.text()) == "is damaged");
}

TEST_CASE("summer time that is given as a rule alone is not read, and so refused")
{
    const auto rule = "\nCET-1CEST,M3.5.0,M10.5.0/3\n";
    const std::string slim = "gives summer time as a rule only";
    CHECK(unfit(Zone{.footer = rule}.text()).starts_with(slim));
    const auto ending = [&](std::uint64_t last) {
        return Zone{.transitions = 1, .body = big_endian(last, 8) + '\0' + Zone::one_type(), .footer = rule}.text();
    };
    CHECK(unfit(ending(846'378'000)).starts_with(slim));  // 1996: where a slim file of Berlin ends
    CHECK(unfit(ending(2'114'380'799)).starts_with(slim));
    CHECK(unfit(ending(2'140'045'200)).empty());  // 2037: where a fat one ends
}

TEST_CASE("a footer that is cut off is found")
{
    for (const auto* footer : {"", "\n", "x\n", "\nx"})
        CHECK(unfit(Zone{.footer = footer}.text()) == "is damaged");
    CHECK(unfit(Zone{.footer = "\n\n"}.text()).empty());
}

}  // namespace chainkeeper::policies
