// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/history/incident.hpp"
#include "tests/unit/keeper_node.hpp"
#include "tests/unit/sample_reports.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace chainkeeper;
using namespace chainkeeper::daemon;
using namespace chainkeeper::tests;
using namespace std::chrono_literals;
using nlohmann::json;
using policies::Action;
using policies::Row;
using repair::Family;
using repair::Outcome;

namespace {

constexpr auto start = sample_start;

// A gatherer that is told of each report at the time of it, an hour after the boot at eight o'clock.
class Gathering {
public:
    Gathering& operator<<(const Report& report)
    {
        const auto at = instant_of(report);
        gatherer_.add(report, at, sample_wall + (at - start));
        return *this;
    }
    json end_of_look() { return parsed(gatherer_.end_of_look()); }
    json end() { return parsed(gatherer_.end()); }

private:
    static json parsed(const std::optional<Incident>& incident)
    {
        return incident ? json::parse(to_json(*incident, "boot-1")) : json{};
    }
    IncidentGatherer gatherer_;
};

Heard heard_at(Instant at)
{
    return {.at = at, .generation = {.id = 7, .culprit = sample_culprit(), .at = at, .losses = {.rules = 1}}};
}

Settled flush_at(Instant at)
{
    return {.at = at, .burst = sample_burst(sample_culprit())};
}

Decided decided_at(Instant at, Row row, Action action, Family family = Family::ipv4)
{
    auto decided = sample_decision(row, action, family);
    decided.at = at;
    if (action == Action::none)
        decided.diagnosis.findings.clear();
    return decided;
}

Committed committed_at(Instant at, Outcome outcome, Family family = Family::ipv4)
{
    return {.at = at, .plan = sample_plan(family), .outcome = std::move(outcome)};
}

Outcome committed_as(std::uint32_t generation)
{
    return {.kind = Outcome::Kind::committed, .generation = generation, .detail = {}};
}

Verified verified_at(Instant at, Family family = Family::ipv4)
{
    return {.at = at, .fulfilled = true, .after = {.family = family}};
}

}  // namespace

TEST_CASE("incident: a look that repaired after a flush is one, with everything in it")
{
    Gathering gathering;
    gathering << heard_at(start) << flush_at(start + 540ms) << decided_at(start + 541ms, Row::assist, Action::repair)
              << committed_at(start + 542ms, committed_as(17)) << verified_at(start + 543ms);
    const auto incident = gathering.end_of_look();
    CHECK(incident["at"] == "2026-11-21T08:00:00.000000Z");
    CHECK(incident["boot"] == "boot-1");
    CHECK(incident["culprit"] == json({{"unit", "iptables.service"},
                                       {"pid", 13417},
                                       {"comm", "iptables"},
                                       {"command_line", "iptables -F"},
                                       {"ancestors", {"iptables.stop (13410)", "systemd (1)"}},
                                       {"confidence", "process"}}));
    CHECK(incident["lost"] == json({{"tables", 0}, {"chains", 5}, {"rules", 3}, {"entries", 0}}));
    CHECK(incident["transactions"] == 3);
    CHECK(incident["gaps"] == json::array());
    CHECK(incident["families"] ==
          json::array({{{"family", "ipv4"},
                        {"decision", "repair: assist"},
                        {"monitor", "unknown"},
                        {"source", "none"},
                        {"findings", json::array({"chain KUBE-FIREWALL is missing from table filter"})},
                        {"findings_omitted", 0},
                        {"steps", 2},
                        {"outcome", "committed"},
                        {"reason", nullptr},
                        {"generation", 17},
                        {"stale_commits", 0},
                        {"verified", true}}}));
    REQUIRE(incident["timeline"].size() == 5);
    CHECK(incident["timeline"][0]["us"] == 0);
    CHECK(incident["timeline"][0]["event"] == "heard");
    CHECK(incident["timeline"][1]["us"] == 540'000);
    CHECK(incident["timeline"][4]["event"] == "verified");
    CHECK(incident["timeline"][4]["text"] == "ipv4: all that was to be repaired is there");
    CHECK(incident["timeline_omitted"] == 0);
    CHECK(gathering.end_of_look().is_null());
}

TEST_CASE("incident: a look that found all well is none")
{
    Gathering gathering;
    CHECK(gathering.end_of_look().is_null());
    gathering << heard_at(start) << decided_at(start + 1s, Row::healthy, Action::none);
    CHECK(gathering.end_of_look().is_null());
    gathering << KubeletNews{.at = start, .family = std::nullopt, .what = "started"};
    CHECK(gathering.end_of_look().is_null());
    for (const Report& report : {Report{Trouble{.at = start, .what = "no"}}, Report{Notice{.at = start, .what = "so"}}})
        gathering << report;
    CHECK(gathering.end_of_look().is_null());
    CHECK(gathering.end().is_null());
}

TEST_CASE("incident: a gap is none where all is well, whatever was deleted meanwhile")
{
    auto settled = flush_at(start);
    settled.burst.worst.reset();
    settled.burst.add_gap("the clock was set, or the machine slept");
    Gathering gathering;
    gathering << settled << decided_at(start, Row::healthy, Action::none);
    CHECK(gathering.end_of_look().is_null());
}

TEST_CASE("incident: a flush that kubelet has mended by itself is one")
{
    Gathering gathering;
    gathering << heard_at(start) << flush_at(start + 1s) << decided_at(start + 1s, Row::settling, Action::wait);
    CHECK(gathering.end_of_look().is_null());
    gathering << decided_at(start + 9s, Row::healthy, Action::none);
    const auto incident = gathering.end_of_look();
    REQUIRE(incident.is_object());
    CHECK(incident["families"][0]["decision"] == "healthy");
    CHECK(incident["families"][0]["outcome"].is_null());
    CHECK(incident["families"][0]["verified"].is_null());
    CHECK(incident["culprit"]["unit"] == "iptables.service");
}

TEST_CASE("incident: what was waited for belongs to the incident that follows")
{
    Gathering gathering;
    gathering << decided_at(start, Row::kubelet_inactive, Action::wait);
    CHECK(gathering.end_of_look().is_null());
    CHECK(gathering.end_of_look().is_null());  // still waiting: nothing new to report
    gathering << heard_at(start + 60s) << flush_at(start + 61s)
              << decided_at(start + 61s, Row::no_monitor, Action::repair) << committed_at(start + 62s, committed_as(9));
    const auto incident = gathering.end_of_look();
    CHECK(incident["at"] == "2026-11-21T08:01:00.000000Z");
    REQUIRE(incident["timeline"].size() == 5);
    CHECK(incident["timeline"][0]["us"] == -60'000'000);
    CHECK(incident["timeline"][0]["text"].get<std::string>().starts_with("ipv4: wait: kubelet_inactive"));
    REQUIRE(incident["families"].size() == 1);
    CHECK(incident["families"][0]["decision"] == "repair: no_monitor");
}

TEST_CASE("incident: a wait that ended well without a flush is none")
{
    Gathering gathering;
    gathering << decided_at(start, Row::kubelet_initialising, Action::wait);
    CHECK(gathering.end_of_look().is_null());
    gathering << decided_at(start + 5s, Row::healthy, Action::none);
    CHECK(gathering.end_of_look().is_null());
}

TEST_CASE("incident: a later look is an incident of its own")
{
    Gathering gathering;
    gathering << heard_at(start) << flush_at(start) << decided_at(start, Row::assist, Action::repair)
              << committed_at(start, committed_as(17)) << verified_at(start);
    CHECK(gathering.end_of_look().is_object());
    gathering << decided_at(start + 75s, Row::monitor_silent, Action::repair)
              << committed_at(start + 75s, committed_as(18)) << verified_at(start + 75s);
    const auto incident = gathering.end_of_look();
    CHECK(incident["at"] == "2026-11-21T08:01:15.000000Z");
    CHECK(incident["culprit"].is_null());
    CHECK(incident["lost"] == json({{"tables", 0}, {"chains", 0}, {"rules", 0}, {"entries", 0}}));
    CHECK(incident["families"][0]["decision"] == "repair: monitor_silent");
    CHECK(incident["families"][0]["generation"] == 18);
}

TEST_CASE("incident: a dry run's steps were recorded")
{
    Gathering gathering;
    gathering << decided_at(start, Row::no_monitor, Action::would_repair)
              << committed_at(start, {.kind = Outcome::Kind::recorded, .detail = "dry run: nothing was written"});
    const auto family = gathering.end_of_look()["families"][0];
    CHECK(family["decision"] == "would_repair: no_monitor");
    CHECK(family["outcome"] == "recorded");
    CHECK(family["reason"] == "dry run: nothing was written");
    CHECK(family["steps"] == 2);
    CHECK(family["generation"].is_null());
    CHECK(family["verified"].is_null());
}

TEST_CASE("incident: a standoff, a hold and damage are incidents, though nothing is written")
{
    for (const auto& [row, action] : {std::pair{Row::standoff, Action::refuse}, std::pair{Row::held, Action::report},
                                      std::pair{Row::damaged, Action::report}}) {
        Gathering gathering;
        gathering << decided_at(start, row, action);
        CHECK(gathering.end_of_look()["families"][0]["steps"] == 0);
    }
}

TEST_CASE("incident: a repair that fails again and again is one incident")
{
    const Outcome failed{.kind = Outcome::Kind::failed, .detail = "the kernel said no"};
    Gathering gathering;
    gathering << decided_at(start, Row::no_monitor, Action::repair) << committed_at(start, failed);
    const auto family = gathering.end_of_look()["families"][0];
    CHECK(family["outcome"] == "failed");
    CHECK(family["reason"] == "the kernel said no");
    for (int again = 1; again < 4; ++again) {
        gathering << committed_at(start + 10s * again, failed);
        CHECK(gathering.end_of_look().is_null());
    }
    // The decision is not reported again when the commit works at last.
    gathering << committed_at(start + 50s, committed_as(5)) << verified_at(start + 50s);
    const auto mended = gathering.end_of_look()["families"][0];
    CHECK(mended["decision"] == "repair: no_monitor");
    CHECK(mended["outcome"] == "committed");
    CHECK(mended["verified"] == true);
}

TEST_CASE("incident: families have a place each, and the culprit is who took most")
{
    auto lesser = flush_at(start + 1s);
    lesser.burst.worst->culprit.unit = "lesser.service";
    lesser.burst.worst->losses = {.rules = 1};
    Gathering gathering;
    gathering << heard_at(start) << flush_at(start) << decided_at(start, Row::settling, Action::wait, Family::ipv6);
    CHECK(gathering.end_of_look().is_null());
    gathering << lesser << decided_at(start + 1s, Row::assist, Action::repair, Family::ipv4)
              << decided_at(start + 1s, Row::partial_flush, Action::repair, Family::ipv6)
              << committed_at(start + 1s, committed_as(8), Family::ipv6);
    const auto incident = gathering.end_of_look();
    CHECK(incident["culprit"]["unit"] == "iptables.service");
    CHECK(incident["transactions"] == 6);
    REQUIRE(incident["families"].size() == 2);
    CHECK(incident["families"][0]["family"] == "ipv6");
    CHECK(incident["families"][0]["decision"] == "repair: partial_flush");
    CHECK(incident["families"][0]["outcome"] == "committed");
    CHECK(incident["families"][1]["outcome"].is_null());
}

TEST_CASE("incident: the end of the daemon does not lose a flush that waited")
{
    Gathering gathering;
    gathering << heard_at(start) << flush_at(start) << decided_at(start, Row::kubelet_inactive, Action::wait);
    CHECK(gathering.end_of_look().is_null());
    CHECK(gathering.end()["families"][0]["decision"] == "wait: kubelet_inactive");
    CHECK(gathering.end().is_null());
}

TEST_CASE("incident: nobody's name and nobody's storm makes a line too long, or breaks it")
{
    auto culprit = sample_culprit();
    const std::string wicked = "\"\\\"\\\x1b\n\xff";
    for (int doubling = 0; doubling < 10; ++doubling)
        culprit.command_line += wicked + culprit.command_line;
    culprit.unit = culprit.command_line;
    culprit.comm = culprit.command_line;
    culprit.ancestors.assign(1000, culprit.command_line);
    auto settled = flush_at(start);
    settled.burst.worst->culprit = culprit;
    for (int gap = 0; gap < 100; ++gap)
        settled.burst.add_gap(culprit.command_line);
    Gathering gathering;
    IncidentGatherer gatherer;
    const auto add = [&](const Report& report) { gatherer.add(report, start, sample_wall); };
    for (int storm = 0; storm < 200; ++storm) {
        add(settled);
        for (const auto family : repair::all_families) {
            auto decided = decided_at(start, Row::damaged, Action::report, family);
            decided.diagnosis.findings.assign(500, decided.diagnosis.findings.front());
            decided.diagnosis.findings.front().chain = culprit.comm;
            add(decided);
            add(committed_at(start, {.kind = Outcome::Kind::failed, .detail = culprit.comm}, family));
        }
    }
    const auto incident = gatherer.end_of_look();
    REQUIRE(incident);
    CHECK(incident->timeline.size() == 64);
    const auto line = to_json(*incident, "boot");
    CHECK(line.size() <= longest_incident);
    CHECK(line.find('\n') == std::string::npos);
    const auto object = json::parse(line);
    for (const auto& family : object["families"])
        CHECK(family["findings"].size() + family["findings_omitted"].get<std::size_t>() == 500);
    CHECK(object["timeline"].size() + object["timeline_omitted"].get<std::size_t>() == 1000);
}

TEST_CASE("incident: what is left out of a long timeline is its middle")
{
    Gathering gathering;
    gathering << heard_at(start);
    for (int index = 1; index < 500; ++index)
        gathering << Trouble{.at = start + 1ms * index, .what = fmt::format("trouble {}", index)};
    gathering << decided_at(start + 1s, Row::damaged, Action::report);
    const auto incident = gathering.end_of_look();
    const auto& timeline = incident["timeline"];
    REQUIRE(timeline.size() == 64);
    CHECK(timeline[0]["event"] == "heard");
    CHECK(timeline[15]["text"] == "trouble 15");
    CHECK(timeline[16]["text"] == "trouble 453");
    CHECK(timeline[63]["event"] == "decided");
    CHECK(incident["timeline_omitted"] == 437);
}

TEST_CASE("incident: the keeper's own reports make one of a flush and one of what follows")
{
    KeeperNode node;
    node.make_chains();
    IncidentGatherer gatherer;
    std::size_t seen = 0;
    const auto look = [&]() -> json {
        node.clock.advance_to(std::max(node.clock.now(), node.keeper.next_look().value_or(node.clock.now())));
        node.keeper.look();
        for (; seen < node.sink.reports.size(); ++seen)
            gatherer.add(node.sink.reports[seen], node.clock.now(), node.clock.wall());
        const auto incident = gatherer.end_of_look();
        return incident ? json::parse(to_json(*incident, "boot")) : json{};
    };
    CHECK(look().is_null());
    node.flush_all();
    const auto assist = look();
    CHECK(assist["culprit"]["comm"] == "nft");
    CHECK(assist["lost"]["tables"] == 3);
    CHECK(assist["families"][0]["decision"] == "repair: assist");
    CHECK(assist["families"][0]["verified"] == true);
    const auto silent = look();
    CHECK(silent["culprit"].is_null());
    CHECK(silent["families"][0]["decision"] == "repair: monitor_silent");
    CHECK(silent["families"][0]["outcome"] == "committed");
}
