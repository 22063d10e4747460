// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/repair_record.hpp"
#include "daemon/restraints.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/keeper_node.hpp"

#include <doctest/doctest.h>
#include <fstream>

using namespace chainkeeper;
using namespace chainkeeper::tests;
using namespace std::chrono_literals;
using daemon::Hold;
using daemon::Restraints;
using Restraint = daemon::Keeper::Restraint;

namespace {

struct Place {
    TemporaryDirectory directory;
    FakeClock clock;
    MemorySink sink;

    Hold hold(daemon::Duration length, bool stop = false) const
    {
        return {.set_at = clock.wall(),
                .until = clock.wall() + length,
                .reason = "CHG-1234",
                .stop = stop,
                .uid = 0,
                .login = "alice"};
    }
    Restraints restraints(std::vector<policies::ChangeWindow> windows = {})
    {
        return {clock, sink, directory.path(), std::move(windows)};
    }
    std::filesystem::path file() const { return directory.path() / "hold.json"; }
};

// The fake clock begins on a Saturday, at 01:00 UTC.
policies::ChangeWindow saturday_at_three()
{
    return {.weekdays = {std::chrono::Saturday}, .start = 3h, .duration = 2h, .time_zone = "UTC"};
}

}  // namespace

TEST_CASE("restraints: without any, nothing changes ever")
{
    Place place;
    auto restraints = place.restraints();
    restraints.recall();
    CHECK(restraints.update() == Restraint{});
    CHECK_FALSE(restraints.next_change());
    CHECK(place.sink.reports.empty());
}

TEST_CASE("restraints: a hold lasts until its end")
{
    Place place;
    auto restraints = place.restraints();
    bool stop = false;
    SUBCASE("dry")
    {
        stop = false;
    }
    SUBCASE("stopped")
    {
        stop = true;
    }
    REQUIRE(restraints.hold(place.hold(2h, stop)));
    CHECK(restraints.update() == Restraint{.write_free = true, .stopped = stop});
    CHECK(restraints.next_change() == place.clock.now() + 2h);
    CHECK(place.sink.all<daemon::HoldSet>().size() == 1);
    place.clock.advance(2h - 1ns);
    CHECK(restraints.update().write_free);
    place.clock.advance(1ns);
    CHECK(restraints.update() == Restraint{});
    REQUIRE(place.sink.all<daemon::HoldEnded>().size() == 1);
    CHECK(place.sink.all<daemon::HoldEnded>()[0].released_by.empty());
    CHECK_FALSE(std::filesystem::exists(place.file()));
    CHECK_FALSE(restraints.next_change());
}

TEST_CASE("restraints: a hold outlives the daemon, and one that has run out meanwhile is told of once")
{
    Place place;
    const auto hold = place.hold(1h);
    REQUIRE(place.restraints().hold(hold));
    auto next = place.restraints();
    SUBCASE("still on")
    {
        next.recall();
        CHECK(next.hold() == hold);
        CHECK(next.update().write_free);
        REQUIRE(next.release("bob"));
        CHECK(next.update() == Restraint{});
        CHECK(place.sink.all<daemon::HoldEnded>()[0].released_by == "bob");
        CHECK(*next.release("bob") == false);
        CHECK_FALSE(std::filesystem::exists(place.file()));
    }
    SUBCASE("over")
    {
        place.clock.advance(2h);
        next.recall();
        CHECK(next.update() == Restraint{});
        CHECK(place.sink.all<daemon::HoldEnded>().size() == 1);
        auto after = place.restraints();
        after.recall();
        CHECK_FALSE(after.hold());
    }
}

TEST_CASE("restraints: a hold that cannot be read is said, and holds until it is released")
{
    Place place;
    std::ofstream{place.file()} << R"({"until": "whenever"})";
    auto restraints = place.restraints();
    restraints.recall();
    CHECK(restraints.update() == Restraint{.write_free = true});
    REQUIRE(place.sink.all<daemon::Trouble>().size() == 1);
    CHECK(place.sink.all<daemon::Trouble>()[0].what.starts_with(place.file().string()));
    CHECK(*restraints.release("alice"));
    CHECK(restraints.update() == Restraint{});
    CHECK_FALSE(std::filesystem::exists(place.file()));
}

TEST_CASE("restraints: a hold that cannot be kept is none")
{
    Place place;
    Restraints restraints{place.clock, place.sink, place.directory.path() / "nowhere", {}};
    CHECK_FALSE(restraints.hold(place.hold(1h)));
    CHECK(restraints.update() == Restraint{});
    CHECK(place.sink.all<daemon::HoldSet>().empty());
}

TEST_CASE("restraints: a change window opens and closes, and a hold reaches beyond it")
{
    Place place;
    auto restraints = place.restraints({saturday_at_three()});
    CHECK(restraints.update() == Restraint{});
    CHECK(restraints.next_change() == place.clock.now() + 2h);
    place.clock.advance(2h);
    CHECK(restraints.update() == Restraint{.write_free = true});
    REQUIRE(place.sink.all<daemon::WindowOpened>().size() == 1);
    CHECK(place.sink.all<daemon::WindowOpened>()[0].until == place.clock.wall() + 2h);
    CHECK(restraints.next_change() == place.clock.now() + 2h);

    REQUIRE(restraints.hold(place.hold(3h)));
    CHECK(restraints.next_change() == place.clock.now() + 2h);
    place.clock.advance(2h);
    CHECK(restraints.update() == Restraint{.write_free = true});
    CHECK(place.sink.all<daemon::WindowClosed>().size() == 1);
    CHECK(restraints.next_change() == place.clock.now() + 1h);
    place.clock.advance(1h);
    CHECK(restraints.update() == Restraint{});
    CHECK(restraints.window_opens_next() == place.clock.wall() + 7 * 24h - 3h);
}

TEST_CASE("repair record: the last repair that was verified, with its decision")
{
    const FakeClock clock;
    daemon::RepairRecord record{clock};
    CHECK_FALSE(record.last());
    daemon::Decided decided;
    decided.diagnosis.family = repair::Family::ipv6;
    decided.decision = {
        .row = policies::Row::assist, .action = policies::Action::repair, .scope = {}, .look_again = {}};
    record.report(decided);
    daemon::Committed committed;
    committed.plan.family = repair::Family::ipv6;
    committed.plan.steps.emplace_back(repair::CreateTable{repair::Table::nat});
    record.report(committed);
    CHECK_FALSE(record.last());
    daemon::Verified verified{.at = clock.now(), .fulfilled = true, .nudged = false, .after = {}};
    verified.after.family = repair::Family::ipv6;
    record.report(verified);
    REQUIRE(record.last());
    CHECK(record.last()->decision == "repair: assist");
    CHECK(record.last()->steps == 1);
    CHECK(record.last()->family == repair::Family::ipv6);
    CHECK(record.last()->at == clock.wall());
}
