// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/profile.hpp"
#include "tests/contract/world.hpp"
#include "tests/support/command.hpp"
#include "tests/support/kubelet.hpp"
#include "tests/support/ruleset.hpp"
#include "tests/support/temporary_directory.hpp"

#include <cerrno>
#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

// What only the legacy tables have: a lock, counters that are written back, and tables that a look could make.
namespace chainkeeper::tests {

using namespace repair;

namespace {

std::string table_names()
{
    std::string names;
    for (const auto* const file : {"/proc/thread-self/net/ip_tables_names", "/proc/thread-self/net/ip6_tables_names"}) {
        std::ifstream text{file};
        names += std::string{std::istreambuf_iterator<char>{text}, {}};
    }
    return names;
}

// Another process, which has the lock until the object goes.
class LockHolder {
public:
    explicit LockHolder(const std::filesystem::path& file)
    {
        int ends[2]{};
        if (pipe(ends) != 0)
            throw std::runtime_error{"no pipe"};
        child_ = fork();
        if (child_ == 0) {
            const int lock = open(file.c_str(), O_RDONLY | O_CREAT, 0600);
            const bool held = flock(lock, LOCK_EX) == 0 && write(ends[1], "!", 1) == 1;
            if (!held)
                _exit(1);
            for (;;)
                pause();
        }
        close(ends[1]);
        char held = '\0';
        const bool is_held = read(ends[0], &held, 1) == 1;
        close(ends[0]);
        if (!is_held)
            throw std::runtime_error{"the lock was not taken"};
    }
    ~LockHolder()
    {
        kill(child_, SIGKILL);
        waitpid(child_, nullptr, 0);
    }
    LockHolder(const LockHolder&) = delete;
    LockHolder& operator=(const LockHolder&) = delete;
    LockHolder(LockHolder&&) = delete;
    LockHolder& operator=(LockHolder&&) = delete;

    [[nodiscard]] pid_t pid() const { return child_; }

private:
    pid_t child_ = -1;
};

std::unique_ptr<legacy::LegacyBackend> opened(const std::filesystem::path& lock_file)
{
    auto backend = legacy::LegacyBackend::open(lock_file);
    if (!backend)
        throw std::runtime_error{backend.error().what};
    return *std::move(backend);
}

std::vector<Table> tables_of(const std::vector<legacy::LegacyBackend::Change>& changes)
{
    std::vector<Table> tables;
    tables.reserve(changes.size());
    for (const auto& change : changes)
        tables.push_back(change.table);
    return tables;
}

std::vector<legacy::LegacyBackend::Change> changes(LegacyWorld& world)
{
    const auto found = world.backend().take_changes(Family::ipv4);
    REQUIRE(found);
    return *found;
}

}  // namespace

TEST_CASE("legacy: neither a look nor a question makes a table")
{
    LegacyWorld world;
    for (const auto family : all_families) {
        CHECK(look(world.backend(), guarded_in_1_24(family)).tables.empty());
        CHECK(world.backend().generation(family));
        CHECK(world.backend().take_changes(family)->empty());
        CHECK(legacy::read_shapes(family)->empty());
    }
    CHECK(table_names().empty());
    world.add_chain(Family::ipv4, Table::mangle, "SOMEBODY-ELSES");
    look(world.backend(), guarded_in_1_24(Family::ipv4));
    CHECK(table_names() == "mangle\n");
}

TEST_CASE("legacy: a table that nothing has to be written to is not made by a repair")
{
    LegacyWorld world;
    const DesiredState hint{
        .family = Family::ipv4, .chains = {{.table = Table::mangle, .name = "KUBE-IPTABLES-HINT"}}, .jumps = {}};
    CHECK(repair_all(world.backend(), hint).outcome.kind == Outcome::Kind::committed);
    CHECK(table_names() == "mangle\n");
}

TEST_CASE("legacy: the counters and default verdicts of others outlive a repair")
{
    for (const auto family : all_families) {
        LegacyWorld world;
        must_run({iptables(family), "-P", "FORWARD", "DROP"});
        must_run({iptables(family), "-A", "INPUT", "-c", "5", "300", "-j", "ACCEPT"});
        must_run({iptables(family), "-t", "nat", "-A", "POSTROUTING", "-c", "7", "900", "-j", "RETURN"});
        CHECK(repair_all(world.backend(), guarded_in_1_24(family)).outcome.kind == Outcome::Kind::committed);
        const auto all = must_run({iptables(family, "-save"), "-c"});
        CHECK(all.find("[5:300] -A INPUT -j ACCEPT\n") != std::string::npos);
        CHECK(all.find("[7:900] -A POSTROUTING -j RETURN\n") != std::string::npos);
        CHECK(all.find(":FORWARD DROP ") != std::string::npos);
    }
}

TEST_CASE("legacy: while somebody else holds the lock nothing is written, at once, and the holder is named")
{
    const LegacyWorld world;
    const TemporaryDirectory directory;
    const auto file = directory.path() / "xtables.lock";
    const auto backend = opened(file);
    const auto desired = guarded_since_1_27(Family::ipv4);
    const auto plan = make_plan(desired, examine(*backend, desired), {.canaries = true});
    CHECK_FALSE(std::filesystem::exists(file));
    {
        const LockHolder holder{file};
        CHECK(legacy::users_of_lock(file) == std::vector{holder.pid()});
        const auto outcome = backend->commit(plan);
        CHECK(outcome.kind == Outcome::Kind::lock_timeout);
        CHECK(outcome.lock_holder == holder.pid());
        CHECK(outcome.detail == file.string() + " is locked");
        CHECK(table_names().empty());
        // A look needs no lock.
        CHECK(examine(*backend, desired).anything_missing());
    }
    CHECK(backend->commit(plan).kind == Outcome::Kind::committed);
    CHECK(legacy::users_of_lock(file).empty());
}

TEST_CASE("legacy: the lock is the file that is there by now, not the one that was")
{
    const LegacyWorld world;
    const TemporaryDirectory directory;
    const auto file = directory.path() / "xtables.lock";
    const auto backend = opened(file);
    CHECK(repair_all(*backend, guarded_since_1_27(Family::ipv4)).outcome.kind == Outcome::Kind::committed);
    std::filesystem::remove(file);
    {
        const LockHolder holder{file};
        CHECK(repair_all(*backend, guarded_since_1_27(Family::ipv6)).outcome.lock_holder == holder.pid());
    }
    std::filesystem::remove(file);
    std::filesystem::create_symlink(directory.path() / "elsewhere", file);
    const auto outcome = repair_all(*backend, guarded_since_1_27(Family::ipv6)).outcome;
    CHECK(outcome.kind == Outcome::Kind::failed);
    CHECK(outcome.detail.starts_with("opening " + file.string() + " failed: "));
}

TEST_CASE(
    "legacy: what others changed since it was asked last is told without a look, and whether there was one or not")
{
    LegacyWorld world;
    const auto desired = guarded_since_1_27(Family::ipv4);
    repair_all(world.backend(), desired);
    CHECK(changes(world).empty());
    world.flush_chain(Family::ipv4, Table::filter, "INPUT");
    look(world.backend(), desired);
    const auto lost = changes(world);
    REQUIRE(lost.size() == 1);
    CHECK(lost.front().table == Table::filter);
    CHECK(lost.front().entries_lost == 1);
    CHECK_FALSE(lost.front().gone);
    CHECK(changes(world).empty());
    // A chain has two entries.
    world.delete_chain(Family::ipv4, Table::mangle, "KUBE-IPTABLES-HINT");
    const auto more = changes(world);
    REQUIRE(more.size() == 1);
    CHECK(more.front().entries_lost == 2);
    // As it was when it was asked last but one: another change all the same.
    world.add_chain(Family::ipv4, Table::mangle, "KUBE-IPTABLES-HINT");
    CHECK(tables_of(changes(world)) == std::vector{Table::mangle});
    // A commit of ours leaves what others did to another table to be told.
    world.flush_chain(Family::ipv4, Table::filter, "OUTPUT");
    CHECK(world.backend()
              .commit({.family = Family::ipv4,
                       .generation = look(world.backend(), desired).generation,
                       .steps = {CreateChain{Table::nat, "OURS"}}})
              .kind == Outcome::Kind::committed);
    CHECK(tables_of(changes(world)) == std::vector{Table::filter});
}

TEST_CASE("legacy: what iptables-legacy writes for every profile is healthy, and what is written it knows")
{
    for (const auto family : all_families)
        for (const auto& profile : policies::profiles()) {
            const auto minor = profile.since.minor;
            CAPTURE(minor);
            const auto& desired = profile.of(family);
            std::string kubelets;
            {
                LegacyWorld world;
                make_as_kubelet(minor, family);
                const auto diagnosis = examine(world.backend(), desired);
                for (const auto& finding : diagnosis.findings)
                    CHECK_MESSAGE(false, describe(family, finding));
                kubelets = saved(family);
            }
            LegacyWorld world;
            CHECK(repair_all(world.backend(), desired).outcome.kind == Outcome::Kind::committed);
            CHECK(saved(family) == kubelets);
            CHECK(missed_by_kubelet(minor, family).empty());
        }
}

}  // namespace chainkeeper::tests
