// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/contract/world.hpp"

#include "tests/support/command.hpp"
#include "tests/support/ruleset.hpp"

#include <fmt/format.h>
#include <stdexcept>
#include <sys/stat.h>
#include <system_error>

namespace chainkeeper::tests {

using namespace repair;

namespace {

void must(int error_number)
{
    if (error_number != 0)
        throw std::system_error{error_number, std::generic_category(), "the fake ruleset"};
}

std::string in_table(Table table, const std::string& line)
{
    return fmt::format("*{}\n{}\nCOMMIT\n", to_string(table), line);
}

template <typename Value>
Value need(Result<Value> result)
{
    if (!result)
        throw std::runtime_error{result.error().what};
    return *std::move(result);
}

}  // namespace

void FakeWorld::add_chain(Family family, Table table, const std::string& chain)
{
    fake_.edit([&](FakeRuleset& ruleset) {
        if (!ruleset.has_table(family, table))
            must(ruleset.create_table(family, table));
        must(ruleset.create_chain(family, table, chain));
    });
}

void FakeWorld::append_rule(Family family, Table table, const std::string& chain, const Rule& rule)
{
    fake_.edit([&](FakeRuleset& ruleset) { must(ruleset.add_rule(family, table, chain, rule)); });
}

void FakeWorld::flush_chain(Family family, Table table, const std::string& chain)
{
    fake_.edit([&](FakeRuleset& ruleset) { must(ruleset.flush_chain(family, table, chain)); });
}

void FakeWorld::delete_chain(Family family, Table table, const std::string& chain)
{
    fake_.edit([&](FakeRuleset& ruleset) { must(ruleset.delete_chain(family, table, chain)); });
}

void FakeWorld::delete_table(Family family, Table table)
{
    fake_.edit([&](FakeRuleset& ruleset) { must(ruleset.delete_table(family, table)); });
}

KernelWorld::KernelWorld() : backend_{need(nft::NftBackend::open())} {}

std::uint32_t KernelWorld::generation() const
{
    return tests::generation();
}

std::string KernelWorld::everything() const
{
    return nft_ruleset();
}

void KernelWorld::add_chain(Family family, Table table, const std::string& chain)
{
    restore(family, in_table(table, fmt::format("-N {}", chain)));
}

void KernelWorld::append_rule(Family family, Table table, const std::string& chain, const Rule& rule)
{
    restore(family, in_table(table, fmt::format("-A {} {}", chain, to_string(family, rule))));
}

void KernelWorld::flush_chain(Family family, Table table, const std::string& chain)
{
    nft_script(fmt::format("flush chain {}\n", nft_name(family, table, chain)));
}

void KernelWorld::delete_chain(Family family, Table table, const std::string& chain)
{
    nft_script(fmt::format("delete chain {}\n", nft_name(family, table, chain)));
}

void KernelWorld::delete_table(Family family, Table table)
{
    nft_script(fmt::format("delete table {}\n", nft_name(family, table)));
}

LegacyWorld::LegacyWorld() : backend_{need(legacy::LegacyBackend::open())} {}

std::uint32_t LegacyWorld::generation() const
{
    return need(backend_->generation(Family::ipv4));
}

std::string LegacyWorld::everything() const
{
    return saved(Family::ipv4) + saved(Family::ipv6);
}

void LegacyWorld::add_chain(Family family, Table table, const std::string& chain)
{
    must_run({iptables(family), "-t", std::string{to_string(table)}, "-N", chain});
}

void LegacyWorld::append_rule(Family family, Table table, const std::string& chain, const Rule& rule)
{
    restore(family, in_table(table, fmt::format("-A {} {}", chain, to_string(family, rule))));
}

void LegacyWorld::flush_chain(Family family, Table table, const std::string& chain)
{
    must_run({iptables(family), "-t", std::string{to_string(table)}, "-F", chain});
}

void LegacyWorld::delete_chain(Family family, Table table, const std::string& chain)
{
    must_run({iptables(family), "-t", std::string{to_string(table)}, "-X", chain});
}

void LegacyWorld::delete_table(Family family, Table table)
{
    restore(family, fmt::format("*{}\n-F\n-X\nCOMMIT\n", to_string(table)));
}

// include/linux/proc_ns.h, PROC_PID_INIT_INO
bool counts_pids_as_the_kernel_does()
{
    struct stat own {};
    return stat("/proc/self/ns/pid", &own) == 0 && own.st_ino == 0xEFFFFFFC;
}

std::string nft_name(Family family, Table table, const std::string& chain)
{
    return fmt::format("{} {} {}", family == Family::ipv4 ? "ip" : "ip6", to_string(table), chain);
}

Snapshot look(Backend& backend, const DesiredState& desired)
{
    auto snapshot = backend.observe(desired);
    if (!snapshot)
        throw std::runtime_error{snapshot.error().what};
    return *std::move(snapshot);
}

Diagnosis examine(Backend& backend, const DesiredState& desired)
{
    return diagnose(desired, look(backend, desired));
}

Repair repair_all(Backend& backend, const DesiredState& desired)
{
    auto plan = make_plan(desired, examine(backend, desired), {.canaries = true, .rewrite_damage = false});
    auto outcome = backend.commit(plan);
    return {.plan = std::move(plan), .outcome = std::move(outcome)};
}

}  // namespace chainkeeper::tests
