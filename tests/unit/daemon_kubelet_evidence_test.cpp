// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/evidence_json.hpp"
#include "daemon/kubelet_evidence.hpp"
#include "repair/diagnose.hpp"
#include "tests/support/kubelet.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace chainkeeper;
using namespace std::chrono_literals;
using daemon::Instant;
using daemon::KubeletEvidence;
using policies::Monitor;
using Source = KubeletEvidence::Source;

namespace {

const auto desired = tests::guarded_since_1_27(repair::Family::ipv4);
constexpr Instant start{1h};

// The findings of a ruleset that lacks these chains, and nothing else.
repair::Diagnosis lacking(std::initializer_list<std::pair<repair::Table, std::string>> chains)
{
    repair::Diagnosis diagnosis{.family = repair::Family::ipv4, .findings = {}};
    for (const auto& [table, chain] : chains)
        diagnosis.findings.push_back({.kind = repair::FindingKind::chain_missing, .table = table, .chain = chain});
    return diagnosis;
}

repair::Diagnosis lacking_everything()
{
    repair::Diagnosis diagnosis{.family = repair::Family::ipv4, .findings = {}};
    for (const auto& chain : desired.chains)
        diagnosis.findings.push_back(
            {.kind = repair::FindingKind::chain_missing, .table = chain.table, .chain = chain.name});
    return diagnosis;
}

repair::Diagnosis lacking_mangle_canary()
{
    return lacking({{repair::Table::mangle, std::string{repair::kubelet_canary}}});
}

repair::Plan plan_of_everything()
{
    return repair::make_plan(desired, lacking_everything(), {.canaries = true});
}

}  // namespace

TEST_CASE("evidence: nothing is known at first, and kubelet gets its grace")
{
    const KubeletEvidence evidence{{}, start, std::nullopt};
    CHECK(evidence.monitor() == Monitor::unknown);
    CHECK(evidence.source() == Source::none);
    CHECK(evidence.initialising_until() == start + 30s);
    CHECK_FALSE(evidence.deadline());
}

TEST_CASE("evidence: each source has its name")
{
    CHECK(to_string(Source::none) == "none");
    CHECK(to_string(Source::assumed) == "assumed");
    CHECK(to_string(Source::presence) == "presence");
    CHECK(to_string(Source::journal) == "journal");
    CHECK(to_string(Source::deadline) == "deadline");
}

TEST_CASE("evidence: an assumption is taken, and ends the grace")
{
    const KubeletEvidence evidence{{}, start, Monitor::dead};
    CHECK(evidence.monitor() == Monitor::dead);
    CHECK(evidence.source() == Source::assumed);
    CHECK_FALSE(evidence.initialising_until());
}

TEST_CASE("evidence: a guarded chain that is not ours is a sign of kubelet")
{
    KubeletEvidence evidence{{}, start, std::nullopt};
    SUBCASE("all of them")
    {
        evidence.saw(desired, lacking({}), start);
    }
    SUBCASE("one of them")
    {
        evidence.saw(desired, lacking_mangle_canary(), start);
    }
    CHECK(evidence.monitor() == Monitor::alive);
    CHECK(evidence.source() == Source::presence);
    CHECK_FALSE(evidence.initialising_until());
}

TEST_CASE("evidence: our own chains are no sign of kubelet, until they were gone and came back without us")
{
    KubeletEvidence evidence{{}, start, std::nullopt};
    evidence.saw(desired, lacking_everything(), start);
    evidence.wrote(plan_of_everything());
    evidence.saw(desired, lacking({}), start + 1s);
    CHECK(evidence.monitor() == Monitor::unknown);
    CHECK(evidence.source() == Source::none);
    evidence.saw(desired, lacking_everything(), start + 2s);
    evidence.saw(desired, lacking({}), start + 3s);
    CHECK(evidence.monitor() == Monitor::alive);
}

TEST_CASE("evidence: the deadline counts from the flush that took the mangle canary")
{
    KubeletEvidence evidence{{}, start, std::nullopt};
    evidence.saw(desired, lacking({}), start);
    evidence.saw(desired, lacking_mangle_canary(), start + 10s);
    CHECK(evidence.deadline() == start + 10s + 60s + 5s + 10s);
    evidence.saw(desired, lacking_everything(), start + 20s);  // a second flush does not move it
    CHECK(evidence.deadline() == start + 10s + 75s);
    evidence.saw(desired, lacking({}), start + 30s);
    CHECK_FALSE(evidence.deadline());
}

TEST_CASE("evidence: a missed deadline is remembered, and condemns nobody")
{
    KubeletEvidence evidence{{}, start, std::nullopt};
    evidence.saw(desired, lacking({}), start);
    evidence.saw(desired, lacking_mangle_canary(), start);
    evidence.missed_deadline();
    CHECK(evidence.monitor() == Monitor::unknown);
    CHECK(evidence.source() == Source::deadline);

    SUBCASE("our canary is no sign of life, and its next loss has a deadline of its own")
    {
        evidence.wrote(plan_of_everything());
        evidence.saw(desired, lacking({}), start + 1s);
        CHECK(evidence.source() == Source::deadline);
        CHECK_FALSE(evidence.deadline());
        evidence.saw(desired, lacking_mangle_canary(), start + 2s);
        CHECK(evidence.deadline() == start + 2s + 75s);
    }
    SUBCASE("a canary that we did not write")
    {
        evidence.saw(desired, lacking({}), start + 1s);
        CHECK(evidence.monitor() == Monitor::alive);
        CHECK(evidence.source() == Source::presence);
    }
}

TEST_CASE("evidence: a kubelet that was never seen has no deadline")
{
    KubeletEvidence evidence{{}, start, std::nullopt};
    evidence.saw(desired, lacking_everything(), start);
    CHECK_FALSE(evidence.deadline());
}

TEST_CASE("evidence: a canary heard to go and to come back counts, though no look fell between")
{
    KubeletEvidence evidence{{}, start, std::nullopt};
    evidence.saw(desired, lacking({}), start);
    evidence.heard_canary_deleted(start + 1s);
    CHECK(evidence.deadline() == start + 76s);
    evidence.heard_canary_deleted(start + 2s);
    CHECK(evidence.deadline() == start + 76s);
    evidence.heard_canary_added();
    CHECK_FALSE(evidence.deadline());
    evidence.heard_canary_deleted(start + 60s);
    evidence.saw(desired, lacking_mangle_canary(), start + 61s);
    CHECK(evidence.deadline() == start + 60s + 75s);
}

TEST_CASE("evidence: nothing that is seen or missed moves an assumption")
{
    KubeletEvidence evidence{{}, start, Monitor::dead};
    evidence.heard_canary_deleted(start);
    evidence.heard_canary_added();
    evidence.saw(desired, lacking({}), start + 1s);
    CHECK(evidence.monitor() == Monitor::dead);
    evidence.missed_deadline();
    CHECK(evidence.source() == Source::assumed);
}

TEST_CASE("evidence: is written as JSON and read back the same")
{
    KubeletEvidence evidence{{}, start, std::nullopt};
    evidence.saw(desired, lacking({}), start);
    evidence.saw(desired, lacking_mangle_canary(), start + 1s);
    evidence.wrote(plan_of_everything());
    evidence.leaves_out({"filter KUBE-FIREWALL", "filter INPUT -j KUBE-FIREWALL"});
    const daemon::Keeper::Evidence kept{{repair::Family::ipv4, evidence.state()},
                                        {repair::Family::ipv6, KubeletEvidence::State{}}};
    const auto text = daemon::to_json(kept, "here");
    CHECK(daemon::evidence_from_json(text, "here", start + 1s) == kept);
    CHECK_FALSE(daemon::evidence_from_json(text, "elsewhere", start + 1s));
    CHECK_FALSE(daemon::evidence_from_json(text, "here", start));  // of an instant that is still to come
}

TEST_CASE("evidence: JSON that was never written is not read")
{
    for (
        const auto* const text :
        {"",
         "{",
         "[]",
         "3",
         "null",
         R"({"ipv5": {}})",
         R"({"ipv4": []})",
         R"({"ipv4": {}})",
         R"({"ipv4": {"monitor": "asleep", "source": "none", "ours": []}})",
         R"({"ipv4": {"monitor": "alive", "source": 7, "ours": []}})",
         R"({"ipv4": {"monitor": "alive", "source": "none", "ours": {}}})",
         R"({"ipv4": {"monitor": "alive", "source": "none", "ours": [3]}})",
         R"({"ipv4": {"monitor": "alive", "source": "none", "ours": [], "left_out": {}}})",
         R"({"ipv4": {"monitor": "alive", "source": "none", "ours": [], "left_out": [3]}})",
         R"({"ipv4": {"monitor": "alive", "source": "none", "ours": [{"table": "raw", "chain": "X"}]}})",
         R"({"ipv4": {"monitor": "alive", "source": "none", "ours": [], "canary_missing_since_ns": "soon"}})",
         R"({"ipv4": {"monitor": "alive", "source": "assumed", "ours": []}})",
         R"({"ipv4": {"monitor": "alive", "source": "none", "ours": [], "canary_missing_since_ns": -1}})",
         R"({"ipv4": {"monitor": "alive", "source": "none", "ours": [], "canary_missing_since_ns": 9223372036854775807}})",
         R"({"ipv4": {"monitor": "alive", "source": "none", "ours": [], "canary_missing_since_ns": 18446744073709551615}})"}) {
        CAPTURE(text);
        auto scoped = std::string{text};
        if (scoped.starts_with("{\""))
            scoped.insert(1, R"("scope": "here", )");
        CHECK_FALSE(daemon::evidence_from_json(scoped, "here", start));
    }
}

namespace {

using Event = void (*)(KubeletEvidence&);

void began(KubeletEvidence& evidence, const char* invocation)
{
    evidence.instance_began(invocation, start);
}

void see_all(KubeletEvidence& evidence)
{
    evidence.saw(desired, lacking({}), start + 1s);
}

void see_no_canary(KubeletEvidence& evidence)
{
    evidence.saw(desired, lacking_mangle_canary(), start + 1s);
}

struct State {
    const char* name;
    std::vector<Event> way;  // to it, from the beginning
    std::optional<Monitor> assumed = std::nullopt;
};

// The ways to every combination of monitor, source and known instance that there is.
const std::vector<State> states{
    {"nothing known", {}},
    {"instance known", {[](auto& evidence) { began(evidence, "one"); }}},
    {"present", {[](auto& evidence) { began(evidence, "one"); }, see_all}},
    {"made", {[](auto& evidence) { began(evidence, "one"); }, [](auto& evidence) { evidence.init_reported(true); }}},
    {"failed", {[](auto& evidence) { began(evidence, "one"); }, [](auto& evidence) { evidence.init_reported(false); }}},
    {"silent",
     {[](auto& evidence) { began(evidence, "one"); }, [](auto& evidence) { evidence.init_reported(true); },
      see_no_canary, [](auto& evidence) { evidence.missed_deadline(); }}},
    {"silent, instance unknown", {see_all, see_no_canary, [](auto& evidence) { evidence.missed_deadline(); }}},
    {"present, instance unknown", {see_all}},
    {"assumed", {}, Monitor::dead},
};

struct Transition {
    const char* name;
    Event event;
    std::vector<std::string> after;  // a state each, in their order
};

const std::vector<Transition> transitions{
    {"the same instance",
     [](auto& evidence) { began(evidence, "one"); },
     {"unknown none", "unknown none", "alive presence", "alive journal", "dead journal", "dead deadline",
      "unknown none", "unknown none", "dead assumed"}},
    {"another instance",
     [](auto& evidence) { began(evidence, "two"); },
     {"unknown none", "unknown none", "unknown none", "unknown none", "unknown none", "unknown none", "unknown none",
      "unknown none", "dead assumed"}},
    {"the instance ends",
     [](auto& evidence) { evidence.instance_ended(); },
     {"unknown none", "unknown none", "unknown none", "unknown none", "unknown none", "unknown none",
      "unknown deadline", "alive presence", "dead assumed"}},
    {"its journal says that the chains are made",
     [](auto& evidence) { evidence.init_reported(true); },
     {"alive journal", "alive journal", "alive journal", "alive journal", "dead journal", "dead deadline",
      "alive journal", "alive journal", "dead assumed"}},
    {"its journal says that it failed",
     [](auto& evidence) { evidence.init_reported(false); },
     {"dead journal", "dead journal", "dead journal", "alive journal", "dead journal", "dead deadline", "dead journal",
      "dead journal", "dead assumed"}},
    {"all chains are seen",
     see_all,
     {"alive presence", "alive presence", "alive presence", "alive journal", "dead journal", "alive presence",
      "alive presence", "alive presence", "dead assumed"}},
    {"all but the mangle canary are seen",
     see_no_canary,
     {"alive presence", "alive presence", "alive presence", "alive journal", "dead journal", "dead deadline",
      "unknown deadline", "alive presence", "dead assumed"}},
    {"nothing is seen",
     [](auto& evidence) { evidence.saw(desired, lacking_everything(), start + 1s); },
     {"unknown none", "unknown none", "alive presence", "alive journal", "dead journal", "dead deadline",
      "unknown deadline", "alive presence", "dead assumed"}},
    {"the canary is deleted",
     [](auto& evidence) { evidence.heard_canary_deleted(start + 1s); },
     {"unknown none", "unknown none", "alive presence", "alive journal", "dead journal", "dead deadline",
      "unknown deadline", "alive presence", "dead assumed"}},
    {"somebody writes the canary",
     [](auto& evidence) { evidence.heard_canary_added(); },
     {"alive presence", "alive presence", "alive presence", "alive journal", "alive presence", "alive presence",
      "alive presence", "alive presence", "dead assumed"}},
    {"we write everything",
     [](auto& evidence) { evidence.wrote(plan_of_everything()); },
     {"unknown none", "unknown none", "alive presence", "alive journal", "dead journal", "dead deadline",
      "unknown deadline", "alive presence", "dead assumed"}},
    {"the deadline is missed",
     [](auto& evidence) { evidence.missed_deadline(); },
     {"unknown deadline", "dead deadline", "dead deadline", "dead deadline", "dead deadline", "dead deadline",
      "unknown deadline", "unknown deadline", "dead assumed"}},
};

}  // namespace

TEST_CASE("evidence: every event in every state")
{
    for (const auto& transition : transitions) {
        const auto* const name = transition.name;
        const auto& after = transition.after;
        REQUIRE(after.size() == states.size());
        for (std::size_t index = 0; index < states.size(); ++index) {
            const auto& state = states[index];
            KubeletEvidence evidence{{}, start, state.assumed};
            for (const auto step : state.way)
                step(evidence);
            transition.event(evidence);
            CAPTURE(name);
            CAPTURE(state.name);
            CHECK(fmt::format("{} {}", to_string(evidence.monitor()), to_string(evidence.source())) == after[index]);
        }
    }
}

TEST_CASE("evidence: an instance has its grace, whatever is seen meanwhile, until its journal speaks")
{
    KubeletEvidence evidence{{}, start, std::nullopt};
    evidence.instance_began("one", start + 10s);
    CHECK(evidence.initialising_until() == start + 40s);
    see_all(evidence);
    CHECK(evidence.initialising_until() == start + 40s);
    evidence.init_reported(false);
    CHECK_FALSE(evidence.initialising_until());
    evidence.instance_began("two", start + 50s);
    CHECK(evidence.initialising_until() == start + 80s);
}

TEST_CASE("evidence: a new instance is given its own time to put back a canary that was lost before it")
{
    KubeletEvidence evidence{{}, start, std::nullopt};
    evidence.saw(desired, lacking_everything(), start);
    CHECK_FALSE(evidence.deadline());
    evidence.instance_began("one", start + 100s);
    CHECK(evidence.deadline() == start + 175s);
    evidence.instance_ended();
    CHECK_FALSE(evidence.deadline());
}

TEST_CASE("evidence: the instance is kept")
{
    KubeletEvidence evidence{{}, start, std::nullopt};
    evidence.instance_began("one", start);
    evidence.init_reported(false);
    const daemon::Keeper::Evidence kept{{repair::Family::ipv4, evidence.state()}};
    const auto read = daemon::evidence_from_json(daemon::to_json(kept, "here"), "here", start + 1s);
    CHECK(read == kept);
    REQUIRE(read);
    KubeletEvidence next{{}, start + 1h, std::nullopt};
    next.restore(read->at(repair::Family::ipv4));
    next.instance_began("one", start);
    next.init_reported(true);  // the journal, read again from its beginning by mistake
    CHECK(next.monitor() == Monitor::dead);

    for (const auto* const instance :
         {R"(3)", R"({})", R"({"invocation": "", "since_ns": 1, "init_reported": true})",
          R"({"invocation": "one", "init_reported": true})", R"({"invocation": "one", "since_ns": 1})",
          R"({"invocation": 1, "since_ns": 1, "init_reported": true})",
          R"({"invocation": "one", "since_ns": 9223372036854775807, "init_reported": true})"}) {
        CAPTURE(instance);
        const auto text = fmt::format(
            R"({{"scope": "here", "ipv4": {{"monitor": "alive", "source": "journal", "ours": [], "instance": {}}}}})",
            instance);
        CHECK_FALSE(daemon::evidence_from_json(text, "here", start));
    }
}

TEST_CASE("evidence: what an older daemon has kept is read, and what an instance leaves out is forgotten with it")
{
    const auto read = daemon::evidence_from_json(
        R"({"scope": "here", "ipv4": {"monitor": "alive", "source": "presence", "ours": []}})", "here", start);
    REQUIRE(read);
    CHECK(read->at(repair::Family::ipv4).left_out.empty());
    KubeletEvidence evidence{{}, start, std::nullopt};
    evidence.instance_began("one", start);
    evidence.leaves_out({"filter KUBE-FIREWALL"});
    evidence.instance_began("one", start);
    CHECK_FALSE(evidence.state().left_out.empty());
    evidence.instance_began("two", start);
    CHECK(evidence.state().left_out.empty());
}

TEST_CASE("evidence: what was kept is of no use for a deadline once the ruleset is another")
{
    auto lacking_canary = lacking_mangle_canary();
    lacking_canary.generation = 7;
    KubeletEvidence before{{}, start, std::nullopt};
    before.saw(desired, lacking({}), start);
    before.saw(desired, lacking_canary, start + 1s);
    KubeletEvidence after{{}, start + 1h, std::nullopt};
    after.restore(before.state());
    SUBCASE("the same")
    {
        after.saw(desired, lacking_canary, start + 1h);
        CHECK(after.deadline() == start + 1s + 75s);
    }
    SUBCASE("another: somebody may have put the canary back, and somebody else have taken it")
    {
        lacking_canary.generation = 8;
        after.saw(desired, lacking_canary, start + 1h);
        CHECK(after.deadline() == start + 1h + 75s);
        lacking_canary.generation = 9;
        after.saw(desired, lacking_canary, start + 1h + 1s);
        CHECK(after.deadline() == start + 1h + 75s);
    }
}

TEST_CASE("evidence: what was not heard may have been the canary's return and its loss")
{
    KubeletEvidence evidence{{}, start, std::nullopt};
    evidence.saw(desired, lacking({}), start);
    evidence.lost_sight(start);
    CHECK_FALSE(evidence.deadline());
    evidence.heard_canary_deleted(start + 1s);
    evidence.lost_sight(start + 30s);
    CHECK(evidence.deadline() == start + 30s + 75s);
}
