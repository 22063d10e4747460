// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/desired.hpp"
#include "repair/finding.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace chainkeeper::repair {

struct CreateTable {
    Table table;
    bool operator==(const CreateTable&) const = default;
};

struct CreateBaseChain {
    Table table;
    std::string chain;
    bool operator==(const CreateBaseChain&) const = default;
};

struct CreateChain {
    Table table;
    std::string chain;
    bool operator==(const CreateChain&) const = default;
};

struct AddRule {
    Table table;
    std::string chain;
    Rule rule;
    std::optional<RulePosition> before;  // at the end, where there is nothing
    bool operator==(const AddRule&) const = default;
};

struct InsertJump {
    Table table;
    std::string base_chain;
    Rule rule;
    bool operator==(const InsertJump&) const = default;
};

// Only ever of a rule that damages a guarded chain, and only where the policy says so.
struct DeleteRule {
    Table table;
    std::string chain;
    RulePosition position;
    Rule rule;
    bool operator==(const DeleteRule&) const = default;
};

// Only ever of the empty canary in mangle: the nudge. The kernel refuses to delete a chain that holds a rule, or that
// one jumps to.
struct DeleteChain {
    Table table;
    std::string chain;
    bool operator==(const DeleteChain&) const = default;
};

using Step = std::variant<CreateTable, CreateBaseChain, CreateChain, AddRule, InsertJump, DeleteRule, DeleteChain>;

// The table that a step writes to, and the chain ("" for CreateTable).
Table table_of(const Step& step);
std::string_view chain_of(const Step& step);
// "append to filter KUBE-FIREWALL: … -j DROP"
std::string describe(Family family, const Step& step);

// How much of what is wrong a plan may mend.
struct Scope {
    // The mangle canary tells kubelet that nothing happened: it may come back only with everything else, and only
    // when kubelet is not going to rebuild its chains itself.
    bool canaries = false;
    bool rewrite_damage = false;  // delete the rules of chain_damaged
    // Instead of all that: delete the mangle canary, and nothing else. A Monitor that watches it then puts everything
    // back, whatever its kubelet makes.
    bool nudge = false;
    bool operator==(const Scope&) const = default;
};

// One transaction of one family, made from the generation that it names. The steps are in an order that the kernel can
// carry out; the mangle canary is the last chain created. A nudge is one step, or none where there is no empty mangle
// canary to delete.
struct Plan {
    Family family;
    std::uint32_t generation = 0;
    std::vector<Step> steps;

    [[nodiscard]] bool empty() const { return steps.empty(); }
};

Plan make_plan(const DesiredState& desired, const Diagnosis& diagnosis, Scope scope);

// The steps of `plan` in one table, in their order.
Plan part_of(const Plan& plan, Table table);

// Everything that `plan` was to mend is mended in `after`; after a nudge, the mangle canary is gone.
bool fulfilled(const Plan& plan, const Diagnosis& after);

}  // namespace chainkeeper::repair
