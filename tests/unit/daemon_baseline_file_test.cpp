// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/baseline/baseline_file.hpp"
#include "policies/text_file.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>

using namespace chainkeeper::daemon::baseline;
using chainkeeper::daemon::doctor::all_places;
using chainkeeper::repair::Verdict;
using nlohmann::json;

namespace {

ChainName name_of(std::string table, std::string chain)
{
    return {.place = all_places.front(), .table = std::move(table), .chain = std::move(chain)};
}

SavedBaseline example()
{
    return {.node = "node-a",
            .saved = "2026-11-28T08:00:00.000000Z",
            .baseline = {{name_of("nat", "KUBE-SVC-*"),
                          {.chains = 12, .rule_count = 34, .policy = {}, .rules = {"jump KUBE-SEP-*"}}},
                         {name_of("filter", "FORWARD"), {.chains = 1, .policy = Verdict::drop, .rules = {}}}}};
}

json example_json()
{
    return json::parse(to_text(example()).value());
}

// Why it is no baseline.
std::string refusal_of(const std::string& text)
{
    const auto read = from_text(text);
    return read ? "" : read.error();
}

}  // namespace

TEST_CASE("baseline file: what was written is read")
{
    const auto read = from_text(to_text(example()).value());
    REQUIRE(read);
    CHECK(read->node == "node-a");
    CHECK(read->saved == example().saved);
    CHECK(read->baseline == example().baseline);
}

TEST_CASE("baseline file: members that this version does not know are no error")
{
    auto object = example_json();
    object["kernel"] = "6.1";
    object["chains"][0]["owner"] = {1, 2};
    CHECK(from_text(object.dump()).value().baseline == example().baseline);
}

TEST_CASE("baseline file: what is missing or of another type is named")
{
    for (const auto* const member : {"format", "node", "saved", "chains"}) {
        CAPTURE(member);
        auto object = example_json();
        object.erase(member);
        CHECK(refusal_of(object.dump()) == fmt::format("no baseline: \"{}\" is missing or of another type", member));
    }
    for (const auto* const member :
         {"backend", "family", "table", "chain", "chains", "rule_count", "policy", "rules"}) {
        CAPTURE(member);
        auto object = example_json();
        object["chains"][0][member] = {{"of", "another type"}};
        CHECK(refusal_of(object.dump()) == fmt::format("no baseline: \"{}\" is missing or of another type", member));
    }
}

TEST_CASE("baseline file: what makes no sense is refused")
{
    const auto refusal_with = [](const char* pointer, const json& value) {
        auto object = example_json();
        object[json::json_pointer{pointer}] = value;
        return refusal_of(object.dump());
    };
    CHECK(refusal_with("/format", 2) == "no baseline: it is of format 2, and this program reads format 1");
    CHECK(refusal_with("/format", -1) == "no baseline: \"format\" is missing or of another type");
    CHECK(refusal_with("/chains/0/backend", "ebtables") ==
          "no baseline: there is no family \"ipv4\" of a backend \"ebtables\"");
    CHECK(refusal_with("/chains/0/policy", "queue") ==
          "no baseline: the policy of a chain is \"accept\", \"drop\" or \"\", not \"queue\"");
    CHECK(refusal_with("/chains/0/rules/0", 7) == "no baseline: a rule is no text");
    CHECK(refusal_with("/chains/2", example_json()["chains"][0]) == "no baseline: chain \"FORWARD\" is in there twice");
}

TEST_CASE("baseline file: no text of anybody's is too much for it")
{
    CHECK(refusal_of("") == "no baseline: it is no JSON object");
    CHECK(refusal_of("[]") == "no baseline: it is no JSON object");
    CHECK(refusal_of(std::string(64, '\0')) == "no baseline: it is no JSON object");
    CHECK(refusal_of(std::string(500'000, '[')) == "no baseline: it is no JSON object");
    CHECK(refusal_of("{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}") ==
          "no baseline: \"format\" is missing or of another type");
    auto text = to_text(example()).value();
    for (std::size_t length = 0; length + 2 < text.size(); ++length)
        CHECK_FALSE(from_text(text.substr(0, length)));
    auto object = example_json();
    object["chains"][0]["backend"] = "\x1b[31m" + std::string(10'000, 'x');
    const auto refusal = refusal_of(object.dump());
    CHECK(refusal.size() <= 200);
    CHECK(refusal.find('\x1b') == std::string::npos);
}

TEST_CASE("baseline file: what could not be read again is not written")
{
    auto saved = example();
    for (int number = 0; number < 10'000; ++number)
        saved.baseline[name_of("filter", fmt::format("cali-{}", number))].rules = {std::string(60, 'x')};
    const auto text = to_text(saved);
    REQUIRE_FALSE(text);
    CHECK(text.error() ==
          "a baseline of 10002 chains with different names would be larger than 1024 KiB, and not be read");
    saved.baseline = {{name_of("filter", "\xff\xfe"), {}}};
    CHECK(from_text(to_text(saved).value()));
}
