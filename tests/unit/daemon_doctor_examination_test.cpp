// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/doctor_text.hpp"
#include "daemon/doctor/examination.hpp"
#include "tests/unit/doctor_root.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <unistd.h>
#include <utility>

using namespace chainkeeper::daemon::doctor;
using chainkeeper::tests::DoctorRoot;
using namespace std::chrono_literals;

namespace {

// A check that does what a test wants.
class TestCheck final : public Check {
public:
    explicit TestCheck(std::function<Judgement()> act, bool reads_rulesets = false, bool may_hang = false)
        : act_{std::move(act)}, reads_rulesets_{reads_rulesets}, may_hang_{may_hang}
    {
    }
    [[nodiscard]] std::string_view name() const override { return "test"; }
    [[nodiscard]] std::string_view question() const override { return "is it?"; }
    [[nodiscard]] bool reads_rulesets() const override { return reads_rulesets_; }
    [[nodiscard]] bool may_hang() const override { return may_hang_; }
    [[nodiscard]] std::chrono::milliseconds deadline() const override { return 500ms; }
    [[nodiscard]] Judgement examine(const Node& /*node*/) const override { return act_(); }

private:
    std::function<Judgement()> act_;
    bool reads_rulesets_;
    bool may_hang_;
};

Judgement well()
{
    return {.verdict = Verdict::ok, .evidence = {"all is well"}, .next_step = {}};
}

Judgement hang()
{
    for (;;)
        pause();
}

Judgement crash()
{
    raise(SIGKILL);
    return {};
}

std::vector<Examined> examine_all(std::span<const Check* const> checks)
{
    const DoctorRoot directory;
    const auto root = directory.open();
    const NoLocalnetGuard guard;
    const KernelRulesets rulesets;
    return examine({.root = root, .localnet_guard = guard, .rulesets = rulesets}, checks);
}

}  // namespace

TEST_CASE("doctor: what a check said comes back whole, and in the order of the checks")
{
    const TestCheck first{[] {
        return Judgement{.verdict = Verdict::critical, .evidence = {"a \"b\"\n", "\xff"}, .next_step = "Mend it"};
    }};
    const std::vector<Figure> figures{{.metric = "rules", .labels = {{"table", "nat"}, {"family", "ipv4"}}, .value = 3},
                                      {.metric = "chains", .labels = {}, .value = 1ULL << 40U}};
    const TestCheck second{[&] {
                               auto judgement = well();
                               judgement.figures = figures;
                               return judgement;
                           },
                           true};
    const TestCheck third{
        [] { return Judgement{.verdict = Verdict::not_applicable, .evidence = {}, .next_step = {}}; }};
    const auto examined = examine_all(std::array<const Check*, 3>{&first, &second, &third});
    REQUIRE(examined.size() == 3);
    CHECK(examined[0].check == &first);
    CHECK(examined[0].judgement.verdict == Verdict::critical);
    CHECK(examined[0].judgement.evidence == std::vector<std::string>{"a \"b\"\n", "\xef\xbf\xbd"});
    CHECK(examined[0].judgement.next_step == "Mend it");
    CHECK(examined[1].check == &second);
    CHECK(examined[1].judgement.evidence == std::vector<std::string>{"all is well"});
    CHECK(examined[1].judgement.figures == figures);
    CHECK(examined[2].judgement.verdict == Verdict::not_applicable);
    CHECK(examined[2].judgement.figures.empty());
}

TEST_CASE("doctor: a check that hangs is ended at its deadline, and holds up no other")
{
    const TestCheck hangs{hang};
    const TestCheck is_well{well};
    const auto began = std::chrono::steady_clock::now();
    const auto examined = examine_all(std::array<const Check*, 3>{&hangs, &is_well, &hangs});
    const auto took = std::chrono::steady_clock::now() - began;
    CHECK(took >= 500ms);
    CHECK(took < 5s);
    CHECK(examined[0].judgement.verdict == Verdict::unknown);
    CHECK(examined[0].judgement.evidence == std::vector<std::string>{"it had no answer after 500ms"});
    // Somebody has to see to it.
    CHECK(examined[0].judgement.next_step.starts_with("`chainkeeper doctor --check test` runs it alone"));
    CHECK(doctor_json(examined).at("first") == "test");
    CHECK(examined[1].judgement.verdict == Verdict::ok);
    CHECK(examined[2].judgement.verdict == Verdict::unknown);
}

TEST_CASE("doctor: a check that crashes is unknown, and so are those that shared its process and came after it")
{
    const TestCheck before{well, true};
    const TestCheck crashes{crash, true};
    const TestCheck after{well, true};
    const TestCheck apart{well};
    const auto examined = examine_all(std::array<const Check*, 4>{&before, &crashes, &after, &apart});
    CHECK(examined[0].judgement.verdict == Verdict::ok);
    CHECK(examined[1].judgement.verdict == Verdict::unknown);
    CHECK(examined[1].judgement.evidence == std::vector<std::string>{"it was ended by signal 9"});
    CHECK(examined[2].judgement.verdict == Verdict::unknown);
    CHECK(examined[3].judgement.verdict == Verdict::ok);
}

TEST_CASE("doctor: what may hang comes after those that share its process, and costs none of them its answer")
{
    const TestCheck first{hang, true, true};
    const TestCheck second{well, true};
    const TestCheck third{well, true};
    const auto examined = examine_all(std::array<const Check*, 3>{&first, &second, &third});
    CHECK(examined[0].judgement.verdict == Verdict::unknown);
    CHECK(examined[1].judgement.verdict == Verdict::ok);
    CHECK(examined[2].judgement.verdict == Verdict::ok);
}

TEST_CASE("doctor: a check that never stops talking is unknown")
{
    const TestCheck talks{[] {
        return Judgement{
            .verdict = Verdict::ok, .evidence = {std::string(std::size_t{2} << 20U, 'a')}, .next_step = {}};
    }};
    const auto examined = examine_all(std::array<const Check*, 1>{&talks});
    CHECK(examined[0].judgement.verdict == Verdict::unknown);
}
