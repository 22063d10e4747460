// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/survey.hpp"

#include <doctest/doctest.h>

using namespace chainkeeper::repair;

namespace {

using End = SurveyedRule::End;

SurveyedRule rule(std::string_view chain, End end, std::uint64_t fingerprint, bool narrows = true)
{
    return {.table = "nat", .chain = chain, .end = end, .jump_to = {}, .narrows = narrows, .fingerprint = fingerprint};
}

SurveyedRule jump(std::string_view chain, std::string_view to)
{
    auto made = rule(chain, End::jump, to.size());
    made.jump_to = to;
    return made;
}

}  // namespace

TEST_CASE("survey: rules are counted by table and chain")
{
    Surveyor surveyor;
    surveyor.add_chain({.table = "nat", .chain = "A"});
    surveyor.add_chain({.table = "nat", .chain = "B"});
    surveyor.add_rule(rule("A", End::accept, 1));
    surveyor.add_rule(rule("A", End::accept, 2));
    surveyor.add_rule(rule("B", End::other, 1));
    const auto survey = std::move(surveyor).finish();
    CHECK(survey.tables.at("nat").rules == 3);
    REQUIRE(survey.find("nat", "A") != nullptr);
    CHECK(survey.find("nat", "A")->rules == 2);
    CHECK(survey.find("nat", "B")->rules == 1);
    CHECK(survey.find("nat", "C") == nullptr);
    CHECK(survey.find("filter", "A") == nullptr);
}

TEST_CASE("survey: what is said again in the same chain is repeated, in another it is not")
{
    Surveyor surveyor;
    for (const auto* const chain : {"A", "A", "A", "B"})
        surveyor.add_rule(rule(chain, End::accept, 1));
    const auto survey = std::move(surveyor).finish();
    CHECK(survey.find("nat", "A")->repeated == 2);
    CHECK(survey.find("nat", "B")->repeated == 0);
}

TEST_CASE("survey: jumps are references where nobody has counted them, and those of base chains are known by name")
{
    Surveyor surveyor;
    surveyor.add_chain({.table = "nat", .chain = "PREROUTING", .policy = Verdict::accept});
    surveyor.add_chain({.table = "nat", .chain = "A"});
    auto for_all = jump("PREROUTING", "A");
    for_all.narrows = false;
    surveyor.add_rule(for_all);
    surveyor.add_rule(jump("A", "B"));
    const auto survey = std::move(surveyor).finish();
    CHECK(survey.find("nat", "A")->references == 1);
    CHECK(survey.find("nat", "B")->references == 1);
    CHECK_FALSE(survey.obstacle("nat", "PREROUTING", "A"));
    CHECK(survey.find("nat", "A")->jumps.empty());
}

TEST_CASE("survey: a base chain jumps where every packet gets to the rule, and the rule is for all of them")
{
    for (const auto end : {End::accept, End::drop, End::return_, End::other}) {
        CAPTURE(static_cast<int>(end));
        Surveyor surveyor;
        surveyor.add_chain({.table = "nat", .chain = "OUTPUT", .policy = Verdict::accept});
        surveyor.add_chain({.table = "nat", .chain = "INPUT", .policy = Verdict::accept});
        surveyor.add_rule(jump("OUTPUT", "NARROW"));
        auto for_all = jump("OUTPUT", "FIRST");
        for_all.narrows = false;
        surveyor.add_rule(for_all);
        surveyor.add_rule(rule("OUTPUT", end, 1, false));
        for_all.jump_to = "AFTER";
        for_all.fingerprint = 2;
        surveyor.add_rule(for_all);
        surveyor.add_rule(for_all);
        for_all.chain = "INPUT";
        surveyor.add_rule(for_all);
        const auto survey = std::move(surveyor).finish();
        CHECK_FALSE(survey.obstacle("nat", "OUTPUT", "FIRST"));
        CHECK(survey.obstacle("nat", "OUTPUT", "NARROW") == Obstacle{});
        const auto what_is_done = end == End::return_ ? End::accept : end;  // by the policy
        if (end == End::other)
            CHECK_FALSE(survey.obstacle("nat", "OUTPUT", "AFTER"));
        else
            CHECK(survey.obstacle("nat", "OUTPUT", "AFTER") == Obstacle{.chain = "OUTPUT", .end = what_is_done});
        CHECK(survey.obstacle("nat", "OUTPUT", "NONE") == Obstacle{});
        CHECK(survey.obstacle("nat", "NONE", "AFTER") == Obstacle{});
        CHECK(survey.find("nat", "OUTPUT")->repeated_jumps == std::set<std::string>{"AFTER"});
        CHECK_FALSE(survey.obstacle("nat", "INPUT", "AFTER"));
        CHECK(survey.find("nat", "INPUT")->repeated_jumps.empty());
    }
}

TEST_CASE("survey: a chain in the way keeps every packet, or sends them back")
{
    const auto obstacle = [](const SurveyedRule& first, bool is_goto = false) {
        Surveyor surveyor;
        surveyor.add_chain({.table = "nat", .chain = "OUTPUT", .policy = Verdict::accept});
        auto to_other = jump("OUTPUT", "OTHERS");
        to_other.narrows = false;
        to_other.comes_back = !is_goto;
        surveyor.add_rule(to_other);
        auto to_ours = jump("OUTPUT", "OURS!");
        to_ours.narrows = false;
        surveyor.add_rule(to_ours);
        surveyor.add_rule(first);
        surveyor.add_rule(rule("OTHERS", End::drop, 2, false));
        return std::move(surveyor).finish().obstacle("nat", "OUTPUT", "OURS!");
    };
    CHECK_FALSE(obstacle(rule("OTHERS", End::return_, 1, false)));
    CHECK_FALSE(obstacle(rule("OTHERS", End::return_, 1)));  // some of them
    CHECK(obstacle(rule("OTHERS", End::accept, 1, false)) == Obstacle{.chain = "OTHERS", .end = End::accept});
    CHECK(obstacle(rule("OTHERS", End::accept, 1)) ==
          Obstacle{.chain = "OTHERS", .end = End::drop, .accepts_some = true});
    CHECK(obstacle(rule("OTHERS", End::return_, 1, false), true) == Obstacle{.chain = "OUTPUT", .end = End::jump});
    auto map_of_verdicts = rule("OTHERS", End::other, 1);
    map_of_verdicts.comes_back = false;
    CHECK_FALSE(obstacle(map_of_verdicts));
}

TEST_CASE("survey: REJECT ends what every packet gets to, and a chain masquerades by one of its rules")
{
    for (const std::string_view words : {"target:REJECT", "match:comment target:REJECT", "reject", "counter reject"}) {
        CAPTURE(words);
        auto rejects = rule("OUTPUT", End::other, 1, false);
        rejects.words = words;
        CHECK(ends_all(rejects));
        rejects.narrows = true;
        CHECK_FALSE(ends_all(rejects));
    }
    for (const std::string_view words : {"", "target:LOG", "log", "unreject"}) {
        CAPTURE(words);
        auto goes_on = rule("OUTPUT", End::other, 1, false);
        goes_on.words = words;
        CHECK_FALSE(ends_all(goes_on));
    }
    for (const std::string_view words : {"target:MASQUERADE", "-o target:MASQUERADE", "masq", "meta masq"}) {
        CAPTURE(words);
        Surveyor surveyor;
        surveyor.add_rule(rule("A", End::return_, 1));
        auto masquerades = rule("A", End::other, 2);
        masquerades.words = words;
        surveyor.add_rule(masquerades);
        surveyor.add_rule(rule("B", End::other, 1));
        const auto survey = std::move(surveyor).finish();
        CHECK(survey.find("nat", "A")->masquerades);
        CHECK_FALSE(survey.find("nat", "B")->masquerades);
    }
}

TEST_CASE("survey: the same twice is as before, anything else is not")
{
    Surveyor surveyor;
    CHECK_FALSE(surveyor.is_as_before());
    const auto tell = [&](std::uint64_t rules) {
        surveyor.begin_again();
        surveyor.add_chain({.table = "nat", .chain = "A", .uses = 5});
        for (std::uint64_t number = 0; number < rules; ++number)
            surveyor.add_rule(rule("A", End::accept, number));
        return surveyor.is_as_before();
    };
    CHECK_FALSE(tell(2));
    CHECK(tell(2));
    CHECK_FALSE(tell(3));
    CHECK(tell(3));
}

TEST_CASE("survey: what the kernel has counted, without a chain's own rules, is its references")
{
    Surveyor surveyor;
    surveyor.add_chain({.table = "nat", .chain = "PREROUTING", .policy = Verdict::accept, .uses = 1});
    surveyor.add_chain({.table = "nat", .chain = "A", .uses = 4});
    surveyor.add_chain({.table = "nat", .chain = "B", .uses = 1});
    surveyor.add_rule(jump("PREROUTING", "A"));
    surveyor.add_rule(rule("A", End::accept, 1));
    surveyor.add_rule(jump("A", "B"));
    const auto survey = std::move(surveyor).finish();
    CHECK(survey.find("nat", "A")->references == 2);  // the jump, and an element of a map
    CHECK(survey.find("nat", "B")->references == 1);
    CHECK(survey.find("nat", "PREROUTING")->references == 0);
}

TEST_CASE("survey: of the rules that drop or send back all that comes, the first are noted with their numbers")
{
    Surveyor surveyor;
    surveyor.add_rule(rule("A", End::drop, 1));
    surveyor.add_rule(rule("A", End::accept, 2, false));
    for (std::uint64_t number = 3; number <= 9; ++number)
        surveyor.add_rule(rule("A", number == 3 ? End::drop : End::return_, number, false));
    const auto survey = std::move(surveyor).finish();
    const auto& bare = survey.find("nat", "A")->bare;
    REQUIRE(bare.size() == SurveyedChain::most_bare);
    CHECK(bare.front().number == 3);
    CHECK(bare.front().verdict == Verdict::drop);
    CHECK(bare.back().number == 6);
    CHECK(bare.back().verdict == Verdict::return_);
}

TEST_CASE("survey: what was told before it began again does not count")
{
    Surveyor surveyor;
    surveyor.add_chain({.table = "nat", .chain = "PREROUTING", .policy = Verdict::accept, .uses = 1});
    surveyor.add_rule(jump("PREROUTING", "A"));
    surveyor.begin_again();
    surveyor.add_rule(rule("PREROUTING", End::accept, 1));
    surveyor.add_rule(jump("PREROUTING", "A"));
    const auto survey = std::move(surveyor).finish();
    CHECK(survey.tables.at("nat").rules == 2);
    CHECK_FALSE(survey.find("nat", "PREROUTING")->policy);
    CHECK(survey.find("nat", "A")->references == 1);
}
