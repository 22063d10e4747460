// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/profile.hpp"
#include "repair/process/file_descriptor.hpp"
#include "repair/restore/transport.hpp"
#include "tests/contract/world.hpp"
#include "tests/support/command.hpp"
#include "tests/support/environment.hpp"
#include "tests/support/kubelet.hpp"
#include "tests/support/ruleset.hpp"
#include "tests/support/temporary_directory.hpp"

#include <chrono>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <unistd.h>
#include <vector>

// The node's own iptables-legacy-restore, under the xtables lock.
namespace chainkeeper::tests {

using namespace repair;
using namespace std::chrono_literals;

namespace {

// A network namespace with a lock file of its own, and the transport over what looks at the legacy tables.
class RestoreWorld {
public:
    RestoreTransport& transport() { return transport_; }
    [[nodiscard]] std::string lock_file() const { return (directory_.path() / "lock").string(); }

private:
    TemporaryDirectory directory_;
    Variable lock_file_{"XTABLES_LOCKFILE", (directory_.path() / "lock").string()};
    LegacyWorld world_;
    RestoreTransport transport_{world_.backend(), {.variant = IptablesVariant::legacy, .deadline = 30s}};
};

const DesiredState& v4()
{
    static const auto desired = guarded_since_1_27(Family::ipv4);
    return desired;
}

FileDescriptor opened(const std::string& file)
{
    FileDescriptor descriptor{open(file.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600)};
    REQUIRE(descriptor);
    return descriptor;
}

bool is_free(const std::string& file)
{
    const auto descriptor = opened(file);
    return flock(descriptor.number(), LOCK_EX | LOCK_NB) == 0;
}

}  // namespace

TEST_CASE("restore, legacy: a whole repair is what kubelet's own commands make")
{
    for (const auto& profile : policies::profiles())
        for (const auto family : all_families) {
            CAPTURE(profile.since.minor);
            CAPTURE(to_string(family));
            const auto by_kubelet = [&] {
                const LegacyWorld world;
                restore(family, kubelet_restore_text(profile.since.minor, family));
                return saved(family);
            }();
            RestoreWorld world;
            const auto outcome = repair_all(world.transport(), profile.of(family)).outcome;
            CAPTURE(outcome.detail);
            CHECK(outcome.kind == Outcome::Kind::committed);
            CHECK(outcome.generation == look(world.transport(), profile.of(family)).generation);
            CHECK(outcome.transactions == std::vector{OwnTransaction{.table = Table::nat},
                                                      OwnTransaction{.table = Table::filter},
                                                      OwnTransaction{.table = Table::mangle}});
            CHECK(saved(family) == by_kubelet);
        }
}

TEST_CASE("restore, legacy: the lock is held while the program is at work, and not by the program")
{
    RestoreWorld world;
    const ProgramInFront program{"iptables-legacy-restore", "flock --nonblock \"$LOCK\" true && exit 9\n"
                                                            "exec /usr/sbin/iptables-legacy-restore \"$@\"\n"};
    const Variable lock{"LOCK", world.lock_file()};
    const auto outcome = repair_all(world.transport(), v4()).outcome;
    CAPTURE(outcome.detail);
    CHECK(outcome.kind == Outcome::Kind::committed);
    CHECK(is_free(world.lock_file()));
}

TEST_CASE("restore, legacy: nothing is written while somebody else holds the lock")
{
    RestoreWorld world;
    const auto held = opened(world.lock_file());
    REQUIRE(flock(held.number(), LOCK_EX) == 0);
    const auto outcome = repair_all(world.transport(), v4()).outcome;
    CHECK(outcome.kind == Outcome::Kind::lock_timeout);
    CHECK(outcome.lock_holder == getpid());
    CHECK(outcome.detail == world.lock_file() + " is locked");
    CHECK(saved(Family::ipv4).empty());
}

TEST_CASE("restore, legacy: a ruleset that has changed since the look is left alone")
{
    RestoreWorld world;
    const auto plan = make_plan(v4(), examine(world.transport(), v4()), {.canaries = true});
    must_run({"iptables-legacy", "-t", "nat", "-N", "SOMEBODY-ELSES"});
    const auto before = saved(Family::ipv4);
    CHECK(world.transport().commit(plan).kind == Outcome::Kind::stale);
    CHECK(saved(Family::ipv4) == before);
}

TEST_CASE("restore, legacy: a table that fails ends it, and what was written before is told")
{
    RestoreWorld world;
    auto plan = make_plan(v4(), examine(world.transport(), v4()), {.canaries = true});
    plan.steps.insert(plan.steps.begin(), {CreateChain{Table::filter, "TWICE"}, CreateChain{Table::filter, "TWICE"}});
    const auto outcome = world.transport().commit(plan);
    CHECK(outcome.kind == Outcome::Kind::failed);
    CHECK(outcome.detail.starts_with("iptables-legacy-restore ended with 1: "));
    CHECK(outcome.detail.ends_with("; written before that: nat"));
    CHECK(outcome.transactions == std::vector{OwnTransaction{.table = Table::nat}});
    CHECK(saved(Family::ipv4).find("*mangle") == std::string::npos);
}

}  // namespace chainkeeper::tests
