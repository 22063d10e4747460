// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/desired.hpp"
#include "repair/family.hpp"
#include "repair/rule.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::repair {

enum class FindingKind : std::uint8_t {
    table_missing,
    base_chain_missing,
    chain_missing,
    chain_emptied,  // the chain is there, every one of its rules is gone
    rule_missing,   // some of its rules are
    jump_missing,
    chain_damaged,   // a DROP for every packet: in KUBE-FIREWALL it cuts the node off
    foreign_rule,    // a rule that kubelet did not write
    duplicate_rule,  // a guarded rule stands there twice
    duplicate_jump,
    native_copy,  // a guarded rule in nft's own words: `iptables -C` does not know it
    // KUBE-IPTABLES-HINT is in the backend that kubelet does not use, and misleads whoever looks for kubelet's. Nothing
    // that is to be found in a snapshot: who looks at both backends knows.
    hint_in_wrong_backend,
};

// "chain_missing", …: the stable name in JSON and the journal.
std::string_view to_string(FindingKind kind);

// A place among the rules of a chain.
struct RulePosition {
    std::uint64_t handle = 0;  // the kernel's name of the rule
    std::uint32_t number = 0;  // counted from 1, as iptables does
    bool operator==(const RulePosition&) const = default;
};

// One thing that is not as kubelet made it.
struct Finding {
    FindingKind kind;
    Table table;
    std::string chain;         // empty for table_missing
    std::optional<Rule> rule;  // the guarded rule, or the one found, where there is one
    // The rule found; for rule_missing the one that it belongs before, or nothing where it belongs at the end.
    std::optional<RulePosition> position;
    // Of a rule found that is in no words of kubelet's; of hint_in_wrong_backend: the backend.
    std::string expressions;
    bool operator==(const Finding&) const = default;
};

// Adding what is missing mends it.
bool is_missing(const Finding& finding);
// It is about one of the three canary chains.
bool is_canary(const Finding& finding);
// The chain that tells kubelet's Monitor that nothing happened: KUBE-KUBELET-CANARY in mangle.
bool is_mangle_canary(const Finding& finding);

// "chain KUBE-FIREWALL is missing from table filter"
std::string describe(Family family, const Finding& finding);

struct Diagnosis {
    Family family;
    std::uint32_t generation = 0;
    std::vector<Finding> findings;

    [[nodiscard]] bool healthy() const { return findings.empty(); }
    [[nodiscard]] bool mangle_canary_missing() const;
    // The mangle canary is there and holds no rule, as kubelet made it.
    [[nodiscard]] bool mangle_canary_whole() const;
    [[nodiscard]] bool anything_missing() const;
    [[nodiscard]] bool damaged() const;
};

// What is missing of kubelet's own, each by a stable name: "filter KUBE-FIREWALL" for a chain, "filter OUTPUT -j
// KUBE-FIREWALL" for a rule or a jump. Tables and base chains are nobody's; the rules of a missing chain go with it.
std::set<std::string> missing_objects(const DesiredState& desired, const Diagnosis& diagnosis);

// Something of kubelet's own, and whether it is there.
struct GuardedObject {
    Table table;
    std::string chain;
    std::string rule;  // "-j KUBE-FIREWALL"; empty: the chain itself
    bool present = false;
};

// Every chain, rule and jump of `desired`. The rules of a missing chain are missing, too.
std::vector<GuardedObject> guarded_objects(const DesiredState& desired, const Diagnosis& diagnosis);

// The rest of `desired` when the objects of these names are left out.
DesiredState without(DesiredState desired, const std::set<std::string>& objects);

}  // namespace chainkeeper::repair
