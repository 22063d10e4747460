// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/legacy/backend.hpp"

#include "repair/legacy/table.hpp"
#include "repair/restore_text.hpp"
#include "repair/rule_numbers.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <random>
#include <system_error>

namespace chainkeeper::repair::legacy {

namespace {

using Tables = std::map<Table, std::unique_ptr<LegacyTable>>;

// Those of them that exist.
Result<Tables> read_tables(Family family, const std::set<Table>& wanted)
{
    const auto existing = instantiated_tables(family);
    if (!existing)
        return tl::unexpected(existing.error());
    Tables tables;
    for (const auto table : *existing) {
        if (!wanted.contains(table))
            continue;
        auto read = LegacyTable::open(family, std::string{to_string(table)});
        if (!read)
            return tl::unexpected(read.error());
        tables.emplace(table, *std::move(read));
    }
    return tables;
}

// Never 0, which is the generation of nothing.
std::uint32_t generation_of(const Tables& tables, std::uint32_t salt)
{
    std::string text = fmt::format("{}\n", salt);
    for (const auto& [table, read] : tables)
        text += fmt::format("{} {:x}\n", to_string(table), read->fingerprint());
    const auto sum = std::hash<std::string>{}(text);
    const auto folded = static_cast<std::uint32_t>(sum ^ (sum >> 32U));
    return folded == 0 ? 1 : folded;
}

// The steps of a plan, made on tables that were read; nothing reaches the kernel.
class Edit {
public:
    Edit(Family family, Tables& tables) : family_{family}, tables_{tables} {}

    // An error number; 0 where it was done.
    int operator()(const CreateTable& step)
    {
        if (tables_.contains(step.table))
            return EEXIST;
        auto made = LegacyTable::open(family_, std::string{to_string(step.table)});
        if (!made)
            return made.error().code == ErrorCode::denied ? EPERM : ENOENT;
        tables_.emplace(step.table, *std::move(made));
        created_.insert(step.table);
        changed_.insert(step.table);
        return 0;
    }
    // A table comes with all of its base chains.
    int operator()(const CreateBaseChain& step)
    {
        const auto* const table = find(step.table);
        if (table == nullptr || !table->is_base_chain(step.chain))
            return ENOENT;
        return created_.contains(step.table) ? 0 : EEXIST;
    }
    int operator()(const CreateChain& step)
    {
        return change(step.table, [&](LegacyTable& table) { return table.create_chain(step.chain); });
    }
    int operator()(const DeleteChain& step)
    {
        return change(step.table, [&](LegacyTable& table) { return table.delete_chain(step.chain); });
    }
    int operator()(const AddRule& step)
    {
        return change(step.table, [&](LegacyTable& table) {
            if (!step.before)
                return table.append_rule(step.chain, step.rule);
            auto& numbers = numbers_[step.table];
            const auto number = static_cast<std::uint32_t>(numbers.now(step.chain, step.before->number));
            numbers.inserted(step.chain, step.before->number);
            // libiptc takes the number after the last for the end.
            if (number > table.rules_of(step.chain).size())
                return ENOENT;
            return table.insert_rule(step.chain, step.rule, number);
        });
    }
    int operator()(const InsertJump& step)
    {
        return change(step.table, [&](LegacyTable& table) { return table.insert_rule(step.base_chain, step.rule, 1); });
    }
    int operator()(const DeleteRule& step)
    {
        return change(step.table, [&](LegacyTable& table) {
            auto& numbers = numbers_[step.table];
            const auto number = static_cast<std::uint32_t>(numbers.now(step.chain, step.position.number));
            numbers.deleted(step.chain, step.position.number);
            return table.delete_rule(step.chain, number);
        });
    }

    [[nodiscard]] const std::set<Table>& changed() const { return changed_; }

private:
    [[nodiscard]] LegacyTable* find(Table table) const
    {
        const auto found = tables_.find(table);
        return found == tables_.end() ? nullptr : found->second.get();
    }
    int change(Table table, const auto& how)
    {
        auto* const found = find(table);
        if (found == nullptr)
            return ENOENT;
        changed_.insert(table);
        return how(*found);
    }

    Family family_;
    Tables& tables_;
    std::set<Table> created_;
    std::set<Table> changed_;
    std::map<Table, RuleNumbers> numbers_;
};

Outcome failed(const Error& error)
{
    const auto kind = error.code == ErrorCode::denied ? Outcome::Kind::denied : Outcome::Kind::failed;
    return {.kind = kind, .detail = error.what};
}

Outcome stale(const Plan& plan)
{
    return {.kind = Outcome::Kind::stale,
            .detail = fmt::format("the ruleset has moved on from generation {}", plan.generation)};
}

Outcome refused(std::string_view what, int error_number)
{
    const auto kind = error_number == EPERM ? Outcome::Kind::denied : Outcome::Kind::failed;
    return {.kind = kind,
            .detail = fmt::format("the kernel refused to {}: {}", what, std::generic_category().message(error_number))};
}

// Table by table.
Outcome write(const Plan& plan, const std::set<Table>& changed, Tables& tables)
{
    std::vector<OwnTransaction> transactions;
    std::vector<std::string_view> written;
    for (const auto table : mangle_last) {
        if (!changed.contains(table))
            continue;
        const int error = tables.at(table)->commit();
        if (error == EAGAIN && written.empty())
            return stale(plan);
        if (error != 0) {
            auto outcome = refused(fmt::format("replace table {}", to_string(table)), error);
            if (!written.empty())
                outcome.detail += fmt::format("; written before that: {}", fmt::join(written, ", "));
            outcome.transactions = std::move(transactions);
            return outcome;
        }
        written.push_back(to_string(table));
        transactions.push_back({.table = table});
    }
    return {.kind = Outcome::Kind::committed, .detail = {}, .transactions = std::move(transactions)};
}

Snapshot snapshot_of(const DesiredState& desired, const Tables& tables)
{
    Snapshot snapshot{.family = desired.family, .tables = {}, .chains = {}};
    for (const auto& [table, read] : tables)
        snapshot.tables.insert(table);
    for (const auto& [table, chain] : chain_names_in(desired)) {
        const auto found = tables.find(table);
        if (found != tables.end() && found->second->has_chain(chain))
            snapshot.chains.push_back({.table = table, .name = chain, .rules = found->second->rules_of(chain)});
    }
    return snapshot;
}

const std::set<Table>& every_table()
{
    static const std::set<Table> tables{all_tables.begin(), all_tables.end()};
    return tables;
}

unsigned entries_lost(const TableShape& before, const TableShape& after)
{
    return before.entries > after.entries ? before.entries - after.entries : 0;
}

}  // namespace

Result<std::unique_ptr<LegacyBackend>> LegacyBackend::open(std::filesystem::path lock_file)
{
    std::unique_ptr<LegacyBackend> backend{new LegacyBackend{std::move(lock_file), std::random_device{}()}};
    // Whether it may ask at all, before anything depends on it.
    for (const auto family : all_families) {
        auto shapes = read_shapes(family);
        if (!shapes)
            return tl::unexpected(shapes.error());
        backend->shapes_[family] = *std::move(shapes);
    }
    return backend;
}

Result<Snapshot> LegacyBackend::observe(const DesiredState& desired)
{
    const auto wanted = tables_in(desired);
    const auto tables = read_tables(desired.family, wanted);
    if (!tables)
        return tl::unexpected(tables.error());
    looked_at_[desired.family] = wanted;
    auto snapshot = snapshot_of(desired, *tables);
    snapshot.generation = generation_of(*tables, salt_);
    return snapshot;
}

const std::set<Table>& LegacyBackend::looked_at(Family family) const
{
    const auto looked = looked_at_.find(family);
    return looked == looked_at_.end() ? every_table() : looked->second;
}

Result<std::uint32_t> LegacyBackend::generation(Family family) const
{
    return read_tables(family, looked_at(family)).map([&](const Tables& tables) {
        return generation_of(tables, salt_);
    });
}

Outcome LegacyBackend::commit(const Plan& plan)
{
    if (plan.empty())
        return {.kind = Outcome::Kind::committed, .generation = plan.generation, .detail = {}};
    const auto hold = lock_.try_lock();
    if (!hold)
        return failed(hold.error());
    if (!*hold)
        return locked_out(lock_);
    auto tables = read_tables(plan.family, looked_at(plan.family));
    if (!tables)
        return failed(tables.error());
    if (generation_of(*tables, salt_) != plan.generation)
        return stale(plan);
    Edit edit{plan.family, *tables};
    for (const auto& step : plan.steps)
        if (const int error = std::visit(edit, step); error != 0)
            return refused(describe(plan.family, step), error);
    auto outcome = write(plan, edit.changed(), *tables);
    adopt_shapes(plan.family, edit.changed());
    return outcome;
}

// While the lock is still held: what these tables are now is our own doing.
void LegacyBackend::adopt_shapes(Family family, const std::set<Table>& changed)
{
    const auto now = read_shapes(family);
    if (!now)
        return;  // then they are news, and are looked at once more
    for (const auto& [table, shape] : *now)
        if (changed.contains(table))
            shapes_[family][table] = shape;
}

Result<std::vector<LegacyBackend::Change>> LegacyBackend::take_changes(Family family)
{
    auto now = read_shapes(family);
    if (!now)
        return tl::unexpected(now.error());
    const auto before = std::exchange(shapes_[family], *now);
    std::vector<Change> changes;
    for (const auto& [table, shape] : before)
        if (!now->contains(table))
            changes.push_back({.table = table, .entries_lost = shape.entries, .gone = true});
    for (const auto& [table, shape] : *now) {
        const auto seen = before.find(table);
        if (seen == before.end())
            changes.push_back({.table = table});
        else if (seen->second != shape)
            changes.push_back({.table = table, .entries_lost = entries_lost(seen->second, shape)});
    }
    return changes;
}

}  // namespace chainkeeper::repair::legacy
