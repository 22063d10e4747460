// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/plan.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <iterator>

namespace chainkeeper::repair {

namespace {

// So that what is missing fits into the same transaction, however often a chain was damaged. The rest is for the next.
constexpr std::size_t most_deletions = 500;

// The wanted chains and rules of a plan, in the groups that the kernel must be given in this order.
class Drafting {
public:
    Drafting(const DesiredState& desired, const Diagnosis& diagnosis, Scope scope)
        : desired_{desired}, diagnosis_{diagnosis}, scope_{scope}
    {
    }

    Plan draft() &&
    {
        for (const auto& finding : diagnosis_.findings)
            if (scope_.canaries || !is_canary(finding))
                mend(finding);
        std::stable_partition(chains_.begin(), chains_.end(), std::not_fn(is_mangle_canary_chain));
        Plan plan{.family = diagnosis_.family, .generation = diagnosis_.generation, .steps = {}};
        for (auto group : {bases_needed(), deletions_, chains_, rules_, jumps_})
            std::ranges::move(group, std::back_inserter(plan.steps));
        return plan;
    }

private:
    void mend(const Finding& finding)
    {
        switch (finding.kind) {
        case FindingKind::chain_missing:
            chains_.push_back(CreateChain{finding.table, finding.chain});
            return fill(finding);
        case FindingKind::chain_emptied: return fill(finding);
        case FindingKind::rule_missing:
            rules_.push_back(AddRule{finding.table, finding.chain, *finding.rule, finding.position});
            return;
        case FindingKind::jump_missing:
            jumps_.push_back(InsertJump{finding.table, finding.chain, *finding.rule});
            return;
        case FindingKind::chain_damaged:
            if (scope_.rewrite_damage && deletions_.size() < most_deletions)
                deletions_.push_back(DeleteRule{finding.table, finding.chain, *finding.position, *finding.rule});
            return;
        case FindingKind::table_missing:  // made when a step needs them: see bases_needed
        case FindingKind::base_chain_missing:
        case FindingKind::foreign_rule:  // not ours to take away
        case FindingKind::duplicate_rule:
        case FindingKind::duplicate_jump:
        case FindingKind::native_copy:
        case FindingKind::hint_in_wrong_backend: return;
        }
    }

    void fill(const Finding& finding)
    {
        for (const auto& chain : desired_.chains)
            if (chain.table == finding.table && chain.name == finding.chain)
                for (const auto& rule : chain.rules)
                    rules_.push_back(AddRule{chain.table, chain.name, rule, std::nullopt});
    }

    static bool is_mangle_canary_chain(const Step& step)
    {
        return table_of(step) == Table::mangle && chain_of(step) == kubelet_canary;
    }

    [[nodiscard]] bool writes_to(Table table) const
    {
        const auto writes = [&](const Step& step) { return table_of(step) == table; };
        return std::ranges::any_of(chains_, writes) || std::ranges::any_of(rules_, writes) ||
               std::ranges::any_of(jumps_, writes);
    }

    [[nodiscard]] bool jumps_from(const Finding& finding) const
    {
        return std::ranges::any_of(jumps_, [&](const Step& step) {
            return table_of(step) == finding.table && chain_of(step) == finding.chain;
        });
    }

    // iptables makes a table and its base chains when the first command needs them; so does a plan.
    [[nodiscard]] std::vector<Step> bases_needed() const
    {
        std::vector<Step> bases;
        for (const auto& finding : diagnosis_.findings) {
            if (finding.kind == FindingKind::table_missing && writes_to(finding.table))
                bases.emplace_back(CreateTable{finding.table});
            if (finding.kind == FindingKind::base_chain_missing && jumps_from(finding))
                bases.emplace_back(CreateBaseChain{finding.table, finding.chain});
        }
        return bases;
    }

    const DesiredState& desired_;
    const Diagnosis& diagnosis_;
    Scope scope_;
    std::vector<Step> deletions_;
    std::vector<Step> chains_;
    std::vector<Step> rules_;
    std::vector<Step> jumps_;
};

struct ChainOf {
    std::string_view operator()(const CreateTable&) const { return {}; }
    std::string_view operator()(const CreateBaseChain& step) const { return step.chain; }
    std::string_view operator()(const CreateChain& step) const { return step.chain; }
    std::string_view operator()(const AddRule& step) const { return step.chain; }
    std::string_view operator()(const InsertJump& step) const { return step.base_chain; }
    std::string_view operator()(const DeleteRule& step) const { return step.chain; }
    std::string_view operator()(const DeleteChain& step) const { return step.chain; }
};

struct StepText {
    Family family;

    std::string operator()(const CreateTable& step) const
    {
        return fmt::format("create table {}", to_string(step.table));
    }
    std::string operator()(const CreateBaseChain& step) const
    {
        return fmt::format("create base chain {} {}", to_string(step.table), step.chain);
    }
    std::string operator()(const CreateChain& step) const
    {
        return fmt::format("create chain {} {}", to_string(step.table), step.chain);
    }
    std::string operator()(const AddRule& step) const
    {
        return fmt::format("add to {} {}: {}", to_string(step.table), step.chain, to_string(family, step.rule));
    }
    std::string operator()(const InsertJump& step) const
    {
        return fmt::format("insert into {} {}: {}", to_string(step.table), step.base_chain,
                           to_string(family, step.rule));
    }
    std::string operator()(const DeleteRule& step) const
    {
        return fmt::format("delete from {} {}: {}", to_string(step.table), step.chain, to_string(family, step.rule));
    }
    std::string operator()(const DeleteChain& step) const
    {
        return fmt::format("delete chain {} {}", to_string(step.table), step.chain);
    }
};

// What a step leaves to be found again if it did not take.
struct StillWrong {
    const Finding& finding;

    bool operator()(const CreateTable&) const { return finding.kind == FindingKind::table_missing; }
    bool operator()(const CreateBaseChain&) const { return finding.kind == FindingKind::base_chain_missing; }
    bool operator()(const CreateChain&) const { return finding.kind == FindingKind::chain_missing; }
    bool operator()(const AddRule& step) const
    {
        return finding.kind == FindingKind::chain_missing || finding.kind == FindingKind::chain_emptied ||
               (finding.kind == FindingKind::rule_missing && finding.rule == step.rule);
    }
    bool operator()(const InsertJump& step) const
    {
        return finding.kind == FindingKind::jump_missing && finding.rule == step.rule;
    }
    bool operator()(const DeleteRule& step) const
    {
        return finding.kind == FindingKind::chain_damaged && finding.position &&
               finding.position->handle == step.position.handle;
    }
    bool operator()(const DeleteChain&) const { return false; }  // is found where it did take: see is_done
};

bool is_about(const Step& step, const Finding& finding)
{
    return table_of(step) == finding.table && chain_of(step) == finding.chain;
}

bool is_done(const Step& step, const Diagnosis& after)
{
    if (std::holds_alternative<DeleteChain>(step))
        return std::ranges::any_of(after.findings, [&](const Finding& finding) {
            return is_about(step, finding) && finding.kind == FindingKind::chain_missing;
        });
    return std::ranges::none_of(after.findings, [&](const Finding& finding) {
        return is_about(step, finding) && std::visit(StillWrong{finding}, step);
    });
}

bool is_mangle_canary_chain(const DesiredChain& chain)
{
    return chain.table == Table::mangle && chain.is_canary();
}

Plan nudge_plan(const DesiredState& desired, const Diagnosis& diagnosis)
{
    Plan plan{.family = diagnosis.family, .generation = diagnosis.generation, .steps = {}};
    if (diagnosis.mangle_canary_whole() && std::ranges::any_of(desired.chains, is_mangle_canary_chain))
        plan.steps.emplace_back(DeleteChain{Table::mangle, std::string{kubelet_canary}});
    return plan;
}

}  // namespace

Table table_of(const Step& step)
{
    return std::visit([](const auto& alternative) { return alternative.table; }, step);
}

std::string_view chain_of(const Step& step)
{
    return std::visit(ChainOf{}, step);
}

std::string describe(Family family, const Step& step)
{
    return std::visit(StepText{family}, step);
}

Plan make_plan(const DesiredState& desired, const Diagnosis& diagnosis, Scope scope)
{
    if (scope.nudge)
        return nudge_plan(desired, diagnosis);
    return Drafting{desired, diagnosis, scope}.draft();
}

Plan part_of(const Plan& plan, Table table)
{
    Plan part{.family = plan.family, .generation = plan.generation, .steps = {}};
    std::ranges::copy_if(plan.steps, std::back_inserter(part.steps),
                         [table](const Step& step) { return table_of(step) == table; });
    return part;
}

bool fulfilled(const Plan& plan, const Diagnosis& after)
{
    return std::ranges::all_of(plan.steps, [&](const Step& step) { return is_done(step, after); });
}

}  // namespace chainkeeper::repair
