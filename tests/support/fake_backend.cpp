// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/fake_backend.hpp"

#include "repair/nft/batch.hpp"
#include "repair/restore_text.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <set>
#include <system_error>

namespace chainkeeper::tests {

using namespace repair;

namespace {

const std::string* jump_target(const ObservedRule& rule)
{
    const auto* const jump = rule.rule ? std::get_if<Jump>(&rule.rule->target) : nullptr;
    return jump == nullptr ? nullptr : &jump->chain;
}

// As the kernel counts: 0 is left out.
std::uint32_t generation_after(std::uint32_t generation)
{
    return std::max(generation + 1, 1U);
}

struct StepWriter {
    FakeRuleset& ruleset;
    Family family;

    int operator()(const CreateTable& step) const { return ruleset.create_table(family, step.table); }
    int operator()(const CreateBaseChain& step) const
    {
        return ruleset.create_chain(family, step.table, step.chain, true);
    }
    int operator()(const CreateChain& step) const { return ruleset.create_chain(family, step.table, step.chain); }
    int operator()(const AddRule& step) const
    {
        return ruleset.add_rule(family, step.table, step.chain, step.rule,
                                step.before ? std::optional{step.before->handle} : std::nullopt);
    }
    int operator()(const InsertJump& step) const
    {
        return ruleset.insert_rule(family, step.table, step.base_chain, step.rule);
    }
    int operator()(const DeleteRule& step) const
    {
        return ruleset.delete_rule(family, step.table, step.chain, step.position.handle);
    }
    int operator()(const DeleteChain& step) const
    {
        const auto* const chain = ruleset.find(family, step.table, step.chain);
        if (chain != nullptr && !chain->rules.empty())
            return EBUSY;
        return ruleset.delete_chain(family, step.table, step.chain);
    }
};

Outcome refusal(const Plan& plan, const Step& step, int error_number)
{
    return {.kind = Outcome::Kind::failed,
            .detail = fmt::format("the kernel refused to {}: {}", describe(plan.family, step),
                                  std::generic_category().message(error_number))};
}

std::set<std::pair<Table, std::string>> wanted_chains(const DesiredState& desired)
{
    std::set<std::pair<Table, std::string>> wanted;
    for (const auto& chain : desired.chains)
        wanted.emplace(chain.table, chain.name);
    for (const auto& jump : desired.jumps)
        wanted.emplace(jump.table, jump.base_chain);
    return wanted;
}

}  // namespace

int FakeRuleset::create_table(Family family, Table table)
{
    return tables_.try_emplace({family, table}).second ? 0 : EEXIST;
}

int FakeRuleset::create_chain(Family family, Table table, const std::string& chain, bool is_base)
{
    const auto found = tables_.find({family, table});
    if (found == tables_.end())
        return ENOENT;
    if (!found->second.chains.try_emplace(chain, Chain{.is_base = is_base, .rules = {}}).second)
        return EEXIST;
    ++found->second.next_handle;  // chains and rules of a table are numbered together
    return 0;
}

int FakeRuleset::add_rule(Family family, Table table, const std::string& chain, ObservedRule rule,
                          std::optional<std::uint64_t> before)
{
    auto* const found = chain_at(family, table, chain);
    if (found == nullptr)
        return ENOENT;
    if (const int refused = refused_jump({family, table}, rule); refused != 0)
        return refused;
    auto& rules = found->rules;
    const auto position = before ? std::ranges::find(rules, *before, &ObservedRule::handle) : rules.end();
    if (before && position == rules.end())
        return ENOENT;
    rule.handle = tables_.at({family, table}).next_handle++;
    rules.insert(position, std::move(rule));
    return 0;
}

int FakeRuleset::add_rule(Family family, Table table, const std::string& chain, const Rule& rule,
                          std::optional<std::uint64_t> before)
{
    return add_rule(family, table, chain,
                    ObservedRule{.handle = 0, .dialect = Dialect::iptables, .rule = rule, .expressions = {}}, before);
}

int FakeRuleset::insert_rule(Family family, Table table, const std::string& chain, const Rule& rule)
{
    const auto* const found = find(family, table, chain);
    if (found == nullptr || found->rules.empty())
        return add_rule(family, table, chain, rule);
    return add_rule(family, table, chain, rule, found->rules.front().handle);
}

int FakeRuleset::delete_rule(Family family, Table table, const std::string& chain, std::uint64_t handle)
{
    auto* const found = chain_at(family, table, chain);
    if (found == nullptr || std::erase_if(found->rules, [&](const auto& rule) { return rule.handle == handle; }) == 0)
        return ENOENT;
    return 0;
}

int FakeRuleset::flush_chain(Family family, Table table, const std::string& chain)
{
    auto* const found = chain_at(family, table, chain);
    if (found == nullptr)
        return ENOENT;
    found->rules.clear();
    return 0;
}

int FakeRuleset::delete_chain(Family family, Table table, const std::string& chain)
{
    if (find(family, table, chain) == nullptr)
        return ENOENT;
    if (is_jumped_to({family, table}, chain))
        return EBUSY;
    tables_.at({family, table}).chains.erase(chain);
    return 0;
}

int FakeRuleset::delete_table(Family family, Table table)
{
    return tables_.erase({family, table}) == 0 ? ENOENT : 0;
}

void FakeRuleset::flush(Family family)
{
    std::erase_if(tables_, [&](const auto& table) { return table.first.first == family; });
}

bool FakeRuleset::has_table(Family family, Table table) const
{
    return tables_.contains({family, table});
}

const FakeRuleset::Chain* FakeRuleset::find(Family family, Table table, const std::string& chain) const
{
    const auto content = tables_.find({family, table});
    if (content == tables_.end())
        return nullptr;
    const auto found = content->second.chains.find(chain);
    return found == content->second.chains.end() ? nullptr : &found->second;
}

FakeRuleset::Chain* FakeRuleset::chain_at(Family family, Table table, const std::string& chain)
{
    return const_cast<Chain*>(std::as_const(*this).find(family, table, chain));
}

std::string FakeRuleset::text() const
{
    std::string text;
    for (const auto& [place, content] : tables_) {
        const auto& [family, table] = place;
        text += fmt::format("{} {}\n", to_string(family), to_string(table));
        for (const auto& [name, chain] : content.chains) {
            text += fmt::format("  {}{}\n", name, chain.is_base ? " (base)" : "");
            for (const auto& [handle, dialect, rule, expressions] : chain.rules)
                text += fmt::format("    {}: {}\n", handle, rule ? to_string(family, *rule) : expressions);
        }
    }
    return text;
}

bool FakeRuleset::is_jumped_to(const Place& place, const std::string& chain) const
{
    const auto jumps = [&](const ObservedRule& rule) {
        const auto* const target = jump_target(rule);
        return target != nullptr && *target == chain;
    };
    return std::ranges::any_of(tables_.at(place).chains,
                               [&](const auto& other) { return std::ranges::any_of(other.second.rules, jumps); });
}

int FakeRuleset::refused_jump(const Place& place, const ObservedRule& rule) const
{
    const auto* const target = jump_target(rule);
    if (target == nullptr)
        return 0;
    const auto* const chain = find(place.first, place.second, *target);
    if (chain == nullptr)
        return ENOENT;
    return chain->is_base ? EOPNOTSUPP : 0;
}

Result<Snapshot> FakeBackend::observe(const DesiredState& desired)
{
    log_.push_back(fmt::format("observe {}", to_string(desired.family)));
    if (observe_error_)
        return tl::unexpected(*observe_error_);
    Snapshot snapshot{.family = desired.family, .generation = generation_, .tables = {}, .chains = {}};
    for (const auto& [table, name] : wanted_chains(desired)) {
        if (ruleset_.has_table(desired.family, table))
            snapshot.tables.insert(table);
        if (const auto* const chain = ruleset_.find(desired.family, table, name); chain != nullptr)
            snapshot.chains.push_back({.table = table, .name = name, .rules = chain->rules});
    }
    return snapshot;
}

Outcome FakeBackend::commit(const Plan& plan)
{
    if (const auto action = std::exchange(before_commit_, nullptr))
        action();
    const auto commit_it = [&] { return table_by_table_ ? attempt_tables(plan) : attempt(plan); };
    auto outcome = commit_failure_ ? *commit_failure_ : commit_it();
    log_.push_back(fmt::format("commit {}: {}", to_string(plan.family), to_string(outcome.kind)));
    return outcome;
}

void FakeBackend::edit(const std::function<void(FakeRuleset&)>& change)
{
    auto changed = ruleset_;
    change(changed);
    ruleset_ = std::move(changed);
    generation_ = generation_after(generation_);
}

Outcome FakeBackend::attempt(const Plan& plan)
{
    if (plan.empty())
        return {.kind = Outcome::Kind::committed, .generation = plan.generation, .detail = {}};
    if (const auto batch = nft::make_batch(plan, 1); !batch)
        return {.kind = Outcome::Kind::failed, .detail = batch.error().what};
    if (plan.generation != generation_)
        return {.kind = Outcome::Kind::stale,
                .detail = fmt::format("the ruleset has moved on from generation {}", plan.generation)};
    auto changed = ruleset_;
    for (const auto& step : plan.steps)
        if (const int refused = std::visit(StepWriter{changed, plan.family}, step); refused != 0)
            return refusal(plan, step, refused);
    ruleset_ = std::move(changed);
    generation_ = generation_after(generation_);
    return {.kind = Outcome::Kind::committed,
            .generation = generation_,
            .detail = {},
            .transactions = {{.first = generation_, .last = generation_}}};
}

Outcome FakeBackend::attempt_tables(const Plan& plan)
{
    Outcome outcome{.kind = Outcome::Kind::committed, .generation = plan.generation, .detail = {}};
    for (const auto table : mangle_last) {
        auto part = part_of(plan, table);
        if (part.empty())
            continue;
        part.generation = outcome.generation;
        auto written = attempt(part);
        if (written.kind != Outcome::Kind::committed)
            return {.kind = written.kind, .detail = written.detail, .transactions = outcome.transactions};
        outcome.generation = written.generation;
        outcome.transactions.push_back({.first = generation_, .last = generation_, .table = table});
    }
    return outcome;
}

}  // namespace chainkeeper::tests
