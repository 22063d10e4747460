// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/policy_text.hpp"

#include "policies/policy_keys.hpp"
#include "policies/shipped_policy.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace chainkeeper::policies {

namespace {

using nlohmann::json;

constexpr std::string_view text = R"([guard]
backend = "nft"
[kubelet]
units = ["a\\x2db"]
require_active = false
[[change_window]]
weekdays = ["Mon"]
start = "22:00"
duration = "4h"
[limits]
repairs = 3
[[change_window]]
weekdays = ["Sat", "Sun"]
start = "00:30"
duration = "1h"
time_zone = "Europe/Berlin"
)";

SourcedPolicy sourced(std::string_view toml, std::string_view name = "p.toml")
{
    auto policy = parse_sourced_policy(toml, name);
    REQUIRE_MESSAGE(policy.has_value(), policy.error().what);
    return *std::move(policy);
}

KeyText key_text(const SourcedPolicy& policy, std::string_view section, std::string_view key)
{
    for (const auto& each : section_texts(policy))
        if (each.name == section)
            for (const auto& shown : each.keys)
                if (shown.name == key)
                    return shown;
    return {};
}

}  // namespace

TEST_CASE("every key is shown, with where it was written")
{
    const auto policy = sourced(text);
    std::size_t keys = 0;
    for (const auto& section : section_texts(policy))
        keys += section.keys.size();
    CHECK(keys == policy_keys().size());
    CHECK(key_text(policy, "guard", "backend").text == R"("nft")");
    CHECK(key_text(policy, "guard", "backend").from == "p.toml:2");
    CHECK(key_text(policy, "guard", "families").text == R"(["ipv4", "ipv6"])");
    CHECK(key_text(policy, "guard", "families").from == "default");
    CHECK(key_text(policy, "kubelet", "require_active").text == "false");
    CHECK(key_text(policy, "limits", "repairs").text == "3");
    CHECK(key_text(policy, "limits", "repairs").from == "p.toml:11");
}

TEST_CASE("windows are shown as wholes")
{
    const auto windows = change_window_texts(sourced(text));
    REQUIRE(windows.size() == 2);
    REQUIRE(windows[0].size() == 4);
    CHECK(windows[0][0].text == R"(["Mon"])");
    CHECK(windows[0][0].from == "p.toml:6");
    CHECK(windows[0][3].text == R"("UTC")");
    CHECK(windows[1][1].text == R"("00:30")");
    CHECK(windows[1][1].from == "p.toml:12");
    CHECK(change_window_texts({}).empty());
}

TEST_CASE("what is shown is a policy file, and the same policy")
{
    for (const auto& policy : {SourcedPolicy{}, sourced(text), sourced(shipped_policy)}) {
        CAPTURE(policy_text(policy));
        CHECK(sourced(policy_text(policy)).policy == policy.policy);
    }
}

TEST_CASE("the whole text of a section and of a window")
{
    const auto shown = policy_text(sourced(text));
    CHECK(shown.starts_with(R"([guard]
families = ["ipv4", "ipv6"]  # default
backend = "nft"              # p.toml:2
legacy_poll = "30s"          # default

[kubelet]
units = ["a\\x2db"]      # p.toml:4
require_active = false   # p.toml:5
)"));
    CHECK(shown.ends_with(R"([[change_window]]
weekdays = ["Sat", "Sun"]    # p.toml:12
start = "00:30"              # p.toml:12
duration = "1h"              # p.toml:12
time_zone = "Europe/Berlin"  # p.toml:12
)"));
    CHECK(policy_text({}).ends_with("\n# no [[change_window]]\n"));
}

TEST_CASE("a long value does not push the comments of its section to the right")
{
    const auto shown = policy_text({});
    CHECK(shown.find("\"k0sworker\"]  # default\nrequire_active = true    # default\n") != std::string::npos);
}

TEST_CASE("the name of a file cannot end a comment")
{
    const auto policy = sourced("[repair]\nmode = \"off\"\n", "a\nmode = \"repair\"\n\x1b[31m");
    CHECK(sourced(policy_text(policy)).policy.repair.mode == Mode::off);
    CHECK(policy_text(policy).find('\x1b') == std::string::npos);
}

TEST_CASE("the text of a value is JSON, too")
{
    const auto policy = sourced(text);
    for (const auto& section : section_texts(policy))
        for (const auto& key : section.keys)
            CHECK_FALSE(json::parse(key.text, nullptr, false).is_discarded());
    CHECK(json::parse(key_text(policy, "kubelet", "units").text) == json{R"(a\x2db)"});
    CHECK(json::parse(key_text(policy, "report", "history_size").text) == 1048576);
}

}  // namespace chainkeeper::policies
