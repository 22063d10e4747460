// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/words.hpp"

#include <array>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <string>
#include <string_view>

namespace chainkeeper::policies {

TEST_CASE("what a refusal quotes is short and fit for a terminal")
{
    CHECK(quote("a\x1b[31m\nb\x7f") == "'a?[31m?b?'");
    CHECK(quote("a\u009b31m") == "'a?31m'");
    CHECK(quote(std::string(64, 'x')) == fmt::format("'{}'", std::string(64, 'x')));
    CHECK(quote(std::string(65, 'x')) == fmt::format("'{}…'", std::string(64, 'x')));
    CHECK(quote(std::string(63, 'x') + "€") == fmt::format("'{}…'", std::string(63, 'x')));
}

TEST_CASE("only a near word is taken for what was meant")
{
    constexpr std::array<std::string_view, 4> known{"mode", "on_damage", "settle", "settle_deadline"};
    CHECK(nearest("settle", known) == "settle");
    CHECK(nearest("settel", known) == "settle");
    CHECK(nearest("mdoe", known) == "mode");
    CHECK(nearest("mdeo", known) == std::nullopt);
    CHECK(nearest("settle_dedline", known) == "settle_deadline");
    CHECK(nearest("ondamage", known) == "on_damage");
    CHECK(nearest("made", known) == "mode");
    CHECK(nearest("lasted", known) == std::nullopt);
    CHECK(nearest("on", known) == std::nullopt);
    CHECK(nearest("", known) == std::nullopt);
    CHECK(nearest("mode", {}) == std::nullopt);
}

}  // namespace chainkeeper::policies
