// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/screen.hpp"
#include "daemon/doctor/checks.hpp"
#include "daemon/doctor/doctor_text.hpp"
#include "daemon/doctor/examination.hpp"
#include "tests/unit/doctor_root.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

using namespace chainkeeper::daemon::doctor;
using chainkeeper::daemon::screen_width;
using chainkeeper::tests::DoctorRoot;

namespace {

class NamedCheck final : public Check {
public:
    explicit NamedCheck(std::string_view name) : name_{name} {}
    [[nodiscard]] std::string_view name() const override { return name_; }
    [[nodiscard]] std::string_view question() const override { return "is it?"; }
    [[nodiscard]] Judgement examine(const Node& /*node*/) const override { return {}; }

private:
    std::string_view name_;
};

const NamedCheck one{"one"};
const NamedCheck two{"two"};
const NamedCheck three{"three"};
const NamedCheck four{"four"};

const std::vector<Examined> mixed{
    {&one, {.verdict = Verdict::ok, .evidence = {"all is well"}}},
    {&two, {.verdict = Verdict::not_applicable, .evidence = {"no such thing"}}},
    {&three, {.verdict = Verdict::unknown, .evidence = {"cannot be read"}, .next_step = "Run it as root"}},
    {&four, {.verdict = Verdict::critical, .evidence = {"it is broken"}, .next_step = "Mend it"}},
};

std::size_t longest_line(const std::string& text)
{
    std::size_t longest = 0;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);)
        longest = std::max(longest, line.size());
    return longest;
}

}  // namespace

TEST_CASE("doctor: the worst verdict counts, and its first next step")
{
    Judgement judgement;
    CHECK(judgement.verdict == Verdict::ok);
    judgement.add(Verdict::ok, "a");
    CHECK(judgement.next_step.empty());
    judgement.add(Verdict::warning, "b", "first warning");
    judgement.add(Verdict::warning, "c", "second warning");
    judgement.add_unknown("d");
    CHECK(judgement.next_step == "first warning");
    judgement.add(Verdict::critical, "e", "critical");
    judgement.add(Verdict::ok, "f");
    CHECK(judgement.verdict == Verdict::critical);
    CHECK(judgement.next_step == "critical");
    CHECK(judgement.evidence == std::vector<std::string>{"e", "b", "a", "c", "d", "f"});
}

TEST_CASE("doctor text: the worst first, and the last line says what to do first")
{
    CHECK(doctor_text(mixed, false) == "critical  four\n"
                                       "          it is broken\n"
                                       "    next  Mend it\n"
                                       "unknown   three\n"
                                       "          cannot be read\n"
                                       "    next  Run it as root\n"
                                       "ok        one\n"
                                       "          all is well\n"
                                       "n/a       two\n"
                                       "          no such thing\n"
                                       "first     four: Mend it\n");
    CHECK(doctor_text({mixed.begin(), mixed.begin() + 2}, false).ends_with("first     nothing is to be done\n"));
    CHECK(doctor_text(mixed, true).find("\x1b[31mfour\x1b[0m") != std::string::npos);
}

TEST_CASE("doctor text: the same verdicts stand together, each with its label")
{
    const auto text = doctor_text({{&one, {.evidence = {"a"}}}, {&two, {.evidence = {"b"}}}}, false);
    CHECK(text.starts_with("ok        one\n          a\nok        two\n          b\n"));
}

TEST_CASE("doctor --brief: one line for node-problem-detector, of what is worst, in 80 bytes")
{
    CHECK(brief_text(mixed) == "four: it is broken\n");
    CHECK(brief_text({mixed.begin(), mixed.begin() + 2}) == "nothing is to be done\n");
    CHECK(brief_text({{&one, {.verdict = Verdict::unknown, .evidence = {}, .next_step = {}}}}) == "one: \n");
    const std::vector<Examined> hostile{
        {&one, {.verdict = Verdict::warning, .evidence = {"\x1b[2J\n" + std::string(200, 'a')}, .next_step = {}}}};
    const auto line = brief_text(hostile);
    CHECK(line.size() <= brief_width + 1);
    CHECK(line.find_first_of("\x1b\n") == line.size() - 1);
}

TEST_CASE("doctor text: no line is longer than a terminal, and nothing writes to it")
{
    std::string sentence;
    for (int index = 0; index < 100; ++index)
        sentence += fmt::format("word{} ", index);
    const auto text = doctor_text(
        {{&one,
          {.verdict = Verdict::warning, .evidence = {sentence, "\x1b[2J\r\a\xff\xc2\x85"}, .next_step = sentence}}},
        false);
    CHECK(longest_line(text) <= screen_width);
    CHECK(text.find("word99") != std::string::npos);
    CHECK(text.find("?[2J????\n") != std::string::npos);
    CHECK(doctor_text({{&one, {.evidence = {std::string(1000000, 'x')}}}}, false).size() < 3000);
    CHECK(longest_line(list_text()) <= screen_width);
}

TEST_CASE("doctor JSON: has everything, fit for any reader")
{
    const auto json = doctor_json(mixed);
    CHECK(json.at("verdict") == "critical");
    CHECK(json.at("first") == "four");
    REQUIRE(json.at("checks").size() == 4);
    CHECK(json.at("checks").at(0) == nlohmann::json{{"name", "four"},
                                                    {"verdict", "critical"},
                                                    {"question", "is it?"},
                                                    {"evidence", {"it is broken"}},
                                                    {"next_step", "Mend it"}});
    CHECK(json.at("checks").at(3).at("verdict") == "not_applicable");
    const auto well = doctor_json({mixed.front()});
    CHECK(well.at("verdict") == "ok");
    CHECK(well.at("first") == "");
    const auto hostile = doctor_json({{&one, {.evidence = {"\x1b\xff"}, .next_step = "\x07"}}});
    CHECK(hostile.at("checks").at(0).at("evidence").at(0) == "??");
    CHECK(hostile.at("checks").at(0).at("next_step") == "?");
}

TEST_CASE("doctor: verdicts by themselves")
{
    CHECK(worst_of(mixed) == Verdict::critical);
    CHECK(worst_of({mixed.begin(), mixed.begin() + 3}) == Verdict::unknown);
    CHECK(worst_of({mixed.begin(), mixed.begin() + 2}) == Verdict::ok);
    CHECK(worst_of({mixed.at(1)}) == Verdict::not_applicable);
}

TEST_CASE("doctor: each check has a name and a question of its own, and can be asked for by its name")
{
    const DoctorRoot node;
    const auto root = node.open();
    const NoLocalnetGuard guard;
    const KernelRulesets rulesets;
    const Node image{.root = root, .localnet_guard = guard, .rulesets = rulesets};
    std::set<std::string_view> names;
    for (const auto* const check : all_checks()) {
        CHECK(check->question().ends_with('?'));
        CHECK(names.insert(check->name()).second);
        const auto examined = examine(image, checks_named({std::string{check->name()}}));
        REQUIRE(examined.size() == 1);
        CHECK(examined.front().check == check);
        CHECK_FALSE(examined.front().judgement.evidence.empty());
    }
    CHECK(examine(image, all_checks()).size() == names.size());
    CHECK(list_json().size() == names.size());
}
