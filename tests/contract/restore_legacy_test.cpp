// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/profile.hpp"
#include "repair/process/file_descriptor.hpp"
#include "repair/restore/transport.hpp"
#include "repair/restore/xtables_lock.hpp"
#include "tests/contract/world.hpp"
#include "tests/support/command.hpp"
#include "tests/support/environment.hpp"
#include "tests/support/kubelet.hpp"

#include <chrono>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <sys/file.h>
#include <vector>

// The node's own iptables-legacy-restore, under the xtables lock.
namespace chainkeeper::tests {

using namespace repair;
using namespace std::chrono_literals;

namespace {

std::string iptables_of(Family family)
{
    return family == Family::ipv4 ? "iptables-legacy" : "ip6tables-legacy";
}

// iptables-legacy-save without dates and counters. It takes no lock, and makes no table.
std::string saved_by_legacy(Family family)
{
    std::string lines;
    std::istringstream text{must_run({iptables_of(family) + "-save"})};
    for (std::string line; std::getline(text, line);)
        if (!line.starts_with('#'))
            lines += line.substr(0, line.find(" [")) + '\n';
    return lines;
}

// Which of the wanted chains are there, without their rules; a ruleset's generation is what its text comes to.
class LegacyLook final : public Backend {
public:
    Result<Snapshot> observe(const DesiredState& desired) override
    {
        const auto text = saved_by_legacy(desired.family);
        Snapshot snapshot{.family = desired.family,
                          .generation = static_cast<std::uint32_t>(std::hash<std::string>{}(text)),
                          .tables = {},
                          .chains = {}};
        std::optional<Table> table;
        std::istringstream lines{text};
        for (std::string line; std::getline(lines, line);) {
            if (line.starts_with('*'))
                table = table_from_string(line.substr(1));
            else if (line.starts_with(':') && table)
                snapshot.chains.push_back({.table = *table, .name = line.substr(1, line.find(' ') - 1), .rules = {}});
            if (table)
                snapshot.tables.insert(*table);
        }
        return snapshot;
    }
    Outcome commit(const Plan& /*plan*/) override { return {.kind = Outcome::Kind::failed, .detail = "it only looks"}; }
};

// A network namespace with a lock file of its own.
class LegacyWorld {
public:
    explicit LegacyWorld(std::chrono::nanoseconds deadline = 30s)
        : lock_file_{"XTABLES_LOCKFILE", (directory_.path() / "lock").string()},
          transport_{look_, {.variant = IptablesVariant::legacy, .deadline = deadline}}
    {
    }
    RestoreTransport& transport() { return transport_; }
    [[nodiscard]] std::string lock_file() const { return (directory_.path() / "lock").string(); }

private:
    NetworkNamespace namespace_;
    TemporaryDirectory directory_;
    Variable lock_file_;
    LegacyLook look_;
    RestoreTransport transport_;
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
                LegacyWorld world;
                must_run({iptables_of(family) + "-restore", "--noflush"},
                         kubelet_restore_text(profile.since.minor, family));
                return saved_by_legacy(family);
            }();
            LegacyWorld world;
            const auto outcome = repair_all(world.transport(), profile.of(family)).outcome;
            CAPTURE(outcome.detail);
            CHECK(outcome.kind == Outcome::Kind::committed);
            CHECK(outcome.generation == look(world.transport(), profile.of(family)).generation);
            CHECK(outcome.transactions == std::vector{OwnTransaction{.table = Table::nat},
                                                      OwnTransaction{.table = Table::filter},
                                                      OwnTransaction{.table = Table::mangle}});
            // Tables stand in the order in which they were made.
            for (std::istringstream lines{by_kubelet}; !lines.eof();) {
                std::string line;
                std::getline(lines, line);
                CHECK(saved_by_legacy(family).find(line) != std::string::npos);
            }
            CHECK(saved_by_legacy(family).size() == by_kubelet.size());
        }
}

TEST_CASE("restore, legacy: the lock is held while the program is at work, and not by the program")
{
    LegacyWorld world;
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
    LegacyWorld world{100ms};
    const auto held = opened(world.lock_file());
    REQUIRE(flock(held.number(), LOCK_EX) == 0);
    const auto outcome = repair_all(world.transport(), v4()).outcome;
    CHECK(outcome.kind == Outcome::Kind::failed);
    CHECK(outcome.detail == "somebody else holds the xtables lock (" + world.lock_file() + ")");
    CHECK(saved_by_legacy(Family::ipv4).empty());
}

TEST_CASE("restore, legacy: a ruleset that has changed since the look is left alone")
{
    LegacyWorld world;
    const auto plan = make_plan(v4(), examine(world.transport(), v4()), {.canaries = true});
    must_run({"iptables-legacy", "-t", "raw", "-N", "SOMEBODY-ELSES"});
    const auto before = saved_by_legacy(Family::ipv4);
    CHECK(world.transport().commit(plan).kind == Outcome::Kind::stale);
    CHECK(saved_by_legacy(Family::ipv4) == before);
}

TEST_CASE("restore, legacy: a table that fails ends it, and what was written before is told")
{
    LegacyWorld world;
    auto plan = make_plan(v4(), examine(world.transport(), v4()), {.canaries = true});
    plan.steps.insert(plan.steps.begin(), {CreateChain{Table::filter, "TWICE"}, CreateChain{Table::filter, "TWICE"}});
    const auto outcome = world.transport().commit(plan);
    CHECK(outcome.kind == Outcome::Kind::failed);
    CHECK(outcome.detail.starts_with("iptables-legacy-restore ended with 1: "));
    CHECK(outcome.detail.ends_with("; written before that: nat"));
    CHECK(outcome.transactions == std::vector{OwnTransaction{.table = Table::nat}});
    CHECK(saved_by_legacy(Family::ipv4).find("*mangle") == std::string::npos);
}

TEST_CASE("restore, legacy: the lock is taken once by one process, and let go by the last that asked for it")
{
    const TemporaryDirectory directory;
    const auto file = (directory.path() / "lock").string();
    const Variable variable{"XTABLES_LOCKFILE", file};
    {
        auto outer = XtablesLock::take(0s);
        REQUIRE(outer);
        {
            const auto inner = XtablesLock::take(0s);
            REQUIRE(inner);
            CHECK_FALSE(is_free(file));
        }
        const auto moved = std::move(*outer);
        CHECK_FALSE(is_free(file));
    }
    CHECK(is_free(file));
    const Variable nowhere{"XTABLES_LOCKFILE", (directory.path() / "absent" / "lock").string()};
    const auto failed = XtablesLock::take(0s);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().what.find("No such file or directory") != std::string::npos);
}

}  // namespace chainkeeper::tests
