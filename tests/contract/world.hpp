// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/diagnose.hpp"
#include "repair/legacy/backend.hpp"
#include "repair/nft/backend.hpp"
#include "repair/plan.hpp"
#include "tests/support/fake_backend.hpp"
#include "tests/support/iptables.hpp"
#include "tests/support/network_namespace.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace chainkeeper::tests {

// A backend, the ruleset that it works on, and somebody else who writes to it too. A case that runs in both worlds says
// what the fake must have in common with the kernel.
class FakeWorld {
public:
    // Each transaction has the number after the one before it. Else a generation is a number for what the tables say.
    static constexpr bool numbers_transactions = true;
    // A table comes without its base chains, and can be deleted.
    static constexpr bool has_bare_tables = true;

    repair::Backend& backend() { return fake_; }
    [[nodiscard]] std::uint32_t generation() const { return fake_.generation(); }
    // All that there is, handles included.
    [[nodiscard]] std::string everything() const { return fake_.ruleset().text(); }

    // Somebody else's transactions: one each.
    void add_chain(repair::Family family, repair::Table table, const std::string& chain);
    void append_rule(repair::Family family, repair::Table table, const std::string& chain, const repair::Rule& rule);
    void flush_chain(repair::Family family, repair::Table table, const std::string& chain);
    void delete_chain(repair::Family family, repair::Table table, const std::string& chain);
    void delete_table(repair::Family family, repair::Table table);

private:
    FakeBackend fake_;
};

// The same with the kernel, in a network namespace of its own.
class KernelWorld {
public:
    static constexpr bool numbers_transactions = true;
    static constexpr bool has_bare_tables = true;

    KernelWorld();

    repair::nft::NftBackend& backend() { return *backend_; }
    [[nodiscard]] std::uint32_t generation() const;
    [[nodiscard]] std::string everything() const;

    void add_chain(repair::Family family, repair::Table table, const std::string& chain);
    void append_rule(repair::Family family, repair::Table table, const std::string& chain, const repair::Rule& rule);
    void flush_chain(repair::Family family, repair::Table table, const std::string& chain);
    void delete_chain(repair::Family family, repair::Table table, const std::string& chain);
    void delete_table(repair::Family family, repair::Table table);

private:
    NetworkNamespace namespace_;
    std::unique_ptr<repair::nft::NftBackend> backend_;
};

// The same with the kernel's legacy tables, of which delete_table() only empties one. All that there is, is told
// without handles there.
class LegacyWorld {
public:
    static constexpr bool numbers_transactions = false;
    static constexpr bool has_bare_tables = false;

    LegacyWorld();

    repair::legacy::LegacyBackend& backend() { return *backend_; }
    [[nodiscard]] std::uint32_t generation() const;
    [[nodiscard]] std::string everything() const;

    void add_chain(repair::Family family, repair::Table table, const std::string& chain);
    void append_rule(repair::Family family, repair::Table table, const std::string& chain, const repair::Rule& rule);
    void flush_chain(repair::Family family, repair::Table table, const std::string& chain);
    void delete_chain(repair::Family family, repair::Table table, const std::string& chain);
    void delete_table(repair::Family family, repair::Table table);

private:
    NetworkNamespace namespace_;
    WithIptables programs_{IptablesBackend::legacy};
    std::unique_ptr<repair::legacy::LegacyBackend> backend_;
};

// The kernel gives pids as the first pid namespace counts them: whether this process is in that one.
bool counts_pids_as_the_kernel_does();

// "ip filter KUBE-FIREWALL", for nft.
std::string nft_name(repair::Family family, repair::Table table, const std::string& chain = {});

// What a look finds; throws std::runtime_error where it fails.
repair::Snapshot look(repair::Backend& backend, const repair::DesiredState& desired);
repair::Diagnosis examine(repair::Backend& backend, const repair::DesiredState& desired);

// Looks, plans with all canaries, and commits.
struct Repair {
    repair::Plan plan;
    repair::Outcome outcome;
};
Repair repair_all(repair::Backend& backend, const repair::DesiredState& desired);

}  // namespace chainkeeper::tests
