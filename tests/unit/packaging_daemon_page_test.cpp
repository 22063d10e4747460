// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/culprit.hpp"
#include "daemon/kubelet_evidence.hpp"
#include "daemon/message_id.hpp"
#include "policies/decide.hpp"
#include "tests/unit/man_page.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <set>

// chainkeeperd(8) and the README name what the daemon decides and writes into the journal.

using namespace chainkeeper;
using namespace chainkeeper::daemon;
using namespace chainkeeper::tests;
using namespace std::chrono_literals;
using policies::Situation;

namespace {

const ManPage& page()
{
    static const ManPage page{"chainkeeperd.8"};
    return page;
}

repair::Finding finding(repair::FindingKind kind, repair::Table table, std::string chain)
{
    return {.kind = kind, .table = table, .chain = std::move(chain)};
}

// Nothing, damage, a chain, and the mangle canary.
std::vector<std::vector<repair::Finding>> all_findings()
{
    using repair::FindingKind;
    using repair::Table;
    return {{},
            {finding(FindingKind::chain_damaged, Table::filter, "KUBE-FIREWALL")},
            {finding(FindingKind::chain_missing, Table::filter, "KUBE-FIREWALL")},
            {finding(FindingKind::chain_missing, Table::mangle, std::string{repair::kubelet_canary})}};
}

// Each number has another combination of what a decision rests on.
constexpr unsigned combinations = 1U << 9U;

Situation situation_of(unsigned number, const std::vector<repair::Finding>& findings, policies::Monitor monitor)
{
    constexpr policies::Instant now{1000s};
    const auto has = [number](unsigned bit) { return (number >> bit & 1U) != 0; };
    const auto ahead = [&](unsigned bit) { return has(bit) ? std::optional{now + 1s} : std::nullopt; };
    Situation situation{.now = now,
                        .diagnosis = {.family = repair::Family::ipv4, .generation = 1, .findings = findings}};
    situation.stopped = has(0);
    situation.write_free = has(1);
    situation.backend_certain = !has(2);
    situation.units = Situation::Units{.kubelet_active = !has(3),
                                       .disruptor_with_job = has(4) ? std::optional{std::string{"ufw"}} : std::nullopt,
                                       .disruptor_since = std::nullopt};
    situation.monitor = monitor;
    situation.initialising_until = ahead(5);
    situation.last_generation = has(6) ? std::optional{now} : std::nullopt;
    situation.standoff_until = ahead(7);
    situation.monitor_deadline = has(8) ? now - 1s : now + 1s;
    return situation;
}

// Everything that decide() can come to.
std::vector<std::string> all_decisions()
{
    std::set<std::string> decisions;
    for (const auto strategy : policies::all_strategies)
        for (const auto monitor : {policies::Monitor::alive, policies::Monitor::dead, policies::Monitor::unknown})
            for (const auto& findings : all_findings())
                for (unsigned number = 0; number < combinations; ++number) {
                    policies::Policy policy;
                    policy.repair.strategy = strategy;
                    decisions.insert(to_string(decide(situation_of(number, findings, monitor), policy)));
                }
    return {decisions.begin(), decisions.end()};
}

// A dry run has no rows of its own.
std::vector<std::string> all_rows()
{
    auto decisions = all_decisions();
    std::erase_if(decisions, [](const std::string& decision) { return decision.starts_with("would_repair: "); });
    return decisions;
}

template <typename Word>
std::vector<std::string> words_of()
{
    std::vector<std::string> words;
    for (unsigned number = 0; to_string(static_cast<Word>(number)) != "unknown"; ++number)
        words.emplace_back(to_string(static_cast<Word>(number)));
    return words;
}

}  // namespace

TEST_CASE("every row of the decision table is come to")
{
    CHECK(all_rows().size() == words_of<policies::Row>().size());
    CHECK(all_decisions().size() > all_rows().size());
}

TEST_CASE("chainkeeperd(8) has every decision, in the order of the table, and no other")
{
    const auto terms = page().terms("DECISIONS");
    CHECK(difference(sorted(terms), all_rows()) == "");
    std::vector<std::string> rows;
    rows.reserve(terms.size());
    for (const auto& term : terms)
        rows.push_back(term.substr(term.starts_with("healthy") ? 0 : term.find(": ") + 2));
    CHECK(difference(rows, words_of<policies::Row>()) == "");
}

TEST_CASE("the README has every decision, and no other")
{
    CHECK(difference(matches(source_text("README.md"), std::regex{R"(\n\| `(healthy|\w+: \w+)` )"}), all_rows()) == "");
}

TEST_CASE("no page speaks of a decision that there is not")
{
    const auto decisions = all_decisions();
    for (const auto* const name : {"chainkeeper.1", "chainkeeper.toml.5", "chainkeeperd.8", "org.chainkeeper1.5"})
        for (const auto& decision : ManPage{name}.bold(std::regex{R"(\w+: \w+)"}))
            CHECK_MESSAGE(std::ranges::find(decisions, decision) != decisions.end(), name, ": ", decision);
}

TEST_CASE("chainkeeperd(8) has every source of evidence")
{
    CHECK(difference(sorted(page().terms("EVIDENCE")), sorted(words_of<KubeletEvidence::Source>())) == "");
}

TEST_CASE("chainkeeperd(8) has every message of the journal with its id, and no other")
{
    std::vector<std::string> lines;
    lines.reserve(all_messages.size());
    for (const auto message : all_messages)
        lines.push_back(fmt::format("*{}* ({})", to_string(message), message_id(message)));
    std::vector<std::string> documented;
    for (const auto& definition : page().definitions("JOURNAL"))
        if (!definition.term.starts_with("CHAINKEEPER_"))
            documented.push_back(definition.line);
    CHECK(difference(documented, lines) == "");
    for (const auto& id : matches(page().examples("JOURNAL"), std::regex{"MESSAGE_ID=([0-9a-f]+)"}))
        CHECK_MESSAGE(std::ranges::find(all_messages, id, message_id) != all_messages.end(), id);
}

TEST_CASE("chainkeeperd(8) has every field of the journal, and no other")
{
    const std::regex literal{R"("(CHAINKEEPER_[A-Z_]+))"};
    std::vector<std::string> documented;
    for (const auto& term : page().terms("JOURNAL"))
        if (term.starts_with("CHAINKEEPER_"))
            documented.push_back(term);
    CHECK(difference(sorted(documented), matches_in_sources("daemon", literal)) == "");
    for (const auto& field : matches(page().examples("JOURNAL"), std::regex{"(CHAINKEEPER_[A-Z_]+)="}))
        CHECK_MESSAGE(std::ranges::find(documented, field) != documented.end(), field);
}

TEST_CASE("chainkeeperd(8) has every variable of the environment that is read")
{
    const std::regex variable{R"re((?:getenv\(|directory_from\()"([A-Z_]+)")re"};
    for (const auto& name : matches_in_sources("daemon", variable)) {
        const auto terms = page().terms("ENVIRONMENT");
        const auto command = ManPage{"chainkeeper.1"}.terms("ENVIRONMENT");
        const bool documented = std::ranges::find(terms, "$" + name) != terms.end() ||
                                std::ranges::find(command, "$" + name) != command.end();
        CHECK_MESSAGE((documented || name == "PATH"), name);
    }
}
