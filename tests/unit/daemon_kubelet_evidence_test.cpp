// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/evidence_json.hpp"
#include "daemon/kubelet_evidence.hpp"
#include "repair/diagnose.hpp"
#include "tests/support/kubelet.hpp"

#include <doctest/doctest.h>

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
        {"", "{", "[]", "3", "null", R"({"ipv5": {}})", R"({"ipv4": []})", R"({"ipv4": {}})",
         R"({"ipv4": {"monitor": "asleep", "source": "none", "ours": []}})",
         R"({"ipv4": {"monitor": "alive", "source": 7, "ours": []}})",
         R"({"ipv4": {"monitor": "alive", "source": "none", "ours": {}}})",
         R"({"ipv4": {"monitor": "alive", "source": "none", "ours": [3]}})",
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
