// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/recorder.hpp"

#include "repair/diagnose.hpp"
#include "tests/support/fake_backend.hpp"
#include "tests/support/kubelet.hpp"

#include <cerrno>
#include <doctest/doctest.h>
#include <string>
#include <vector>

namespace chainkeeper::repair {

TEST_CASE("a dry run sees what there is, keeps the plan and writes nothing")
{
    tests::FakeBackend fake;
    Recorder recorder{fake};
    const auto desired = tests::guarded_since_1_27(Family::ipv4);
    CHECK_FALSE(recorder.last_plan());

    const auto snapshot = recorder.observe(desired);
    REQUIRE(snapshot);
    CHECK(snapshot->generation == fake.generation());
    const auto before = fake.ruleset().text();
    const auto plan = make_plan(desired, diagnose(desired, *snapshot), {.canaries = true, .rewrite_damage = false});
    const auto outcome = recorder.commit(plan);
    CHECK(outcome.kind == Outcome::Kind::recorded);
    CHECK(outcome.generation == 0);
    REQUIRE(recorder.last_plan());
    CHECK(recorder.last_plan()->steps == plan.steps);
    CHECK(fake.ruleset().text() == before);
    CHECK(fake.generation() == snapshot->generation);
    CHECK(fake.log() == std::vector<std::string>{"observe ipv4"});
}

TEST_CASE("a dry run that cannot see says so")
{
    tests::FakeBackend fake;
    fake.fail_observe(Error{ErrorCode::unsettled, "it never rests"});
    Recorder recorder{fake};
    const auto snapshot = recorder.observe(tests::guarded_since_1_27(Family::ipv6));
    REQUIRE_FALSE(snapshot);
    CHECK(snapshot.error().code == ErrorCode::unsettled);
}

TEST_CASE("every outcome has a name of its own")
{
    using Kind = Outcome::Kind;
    CHECK(to_string(Kind::committed) == "committed");
    CHECK(to_string(Kind::recorded) == "recorded");
    CHECK(to_string(Kind::stale) == "stale");
    CHECK(to_string(Kind::denied) == "denied");
    CHECK(to_string(Kind::failed) == "failed");
}

TEST_CASE("a system call's error says what was tried, and how to mend what can be mended")
{
    const auto denied = system_error("opening the door", EPERM);
    CHECK(denied.code == ErrorCode::denied);
    CHECK(denied.what.starts_with("opening the door was refused"));
    CHECK(denied.what.find("CAP_NET_ADMIN") != std::string::npos);
    CHECK(system_error("opening the door", EACCES).code == ErrorCode::denied);
    for (const auto number : {EPROTONOSUPPORT, EAFNOSUPPORT, EOPNOTSUPP})
        CHECK(system_error("opening the door", number).code == ErrorCode::unsupported);
    const auto other = system_error("opening the door", ENOMEM);
    CHECK(other.code == ErrorCode::failed);
    CHECK(other.what == "opening the door failed: Cannot allocate memory");
}

}  // namespace chainkeeper::repair
