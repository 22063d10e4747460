// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/backend.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chainkeeper::tests {

// What nf_tables keeps of the three tables of both families. Every change gives 0, or the error number with which the
// kernel refuses it; a refused change changes nothing.
class FakeRuleset {
public:
    struct Chain {
        bool is_base = false;
        std::vector<repair::ObservedRule> rules;
    };
    using Place = std::pair<repair::Family, repair::Table>;

    int create_table(repair::Family family, repair::Table table);
    int create_chain(repair::Family family, repair::Table table, const std::string& chain, bool is_base = false);
    // Before the rule with that handle; at the end, where there is nothing. The handle of `rule` is given anew.
    int add_rule(repair::Family family, repair::Table table, const std::string& chain, repair::ObservedRule rule,
                 std::optional<std::uint64_t> before = std::nullopt);
    int add_rule(repair::Family family, repair::Table table, const std::string& chain, const repair::Rule& rule,
                 std::optional<std::uint64_t> before = std::nullopt);
    int insert_rule(repair::Family family, repair::Table table, const std::string& chain, const repair::Rule& rule);
    int delete_rule(repair::Family family, repair::Table table, const std::string& chain, std::uint64_t handle);
    int flush_chain(repair::Family family, repair::Table table, const std::string& chain);
    int delete_chain(repair::Family family, repair::Table table, const std::string& chain);
    int delete_table(repair::Family family, repair::Table table);
    void flush(repair::Family family);

    [[nodiscard]] bool has_table(repair::Family family, repair::Table table) const;
    [[nodiscard]] const Chain* find(repair::Family family, repair::Table table, const std::string& chain) const;
    // A line for each table, chain and rule.
    [[nodiscard]] std::string text() const;

private:
    struct TableContent {
        std::uint64_t next_handle = 1;
        std::map<std::string, Chain> chains;
    };

    Chain* chain_at(repair::Family family, repair::Table table, const std::string& chain);
    [[nodiscard]] bool is_jumped_to(const Place& place, const std::string& chain) const;
    [[nodiscard]] int refused_jump(const Place& place, const repair::ObservedRule& rule) const;

    std::map<Place, TableContent> tables_;
};

// A Backend without a kernel. It behaves as the kernel's does: the same test cases run on both.
class FakeBackend final : public repair::Backend {
public:
    repair::Result<repair::Snapshot> observe(const repair::DesiredState& desired) override;
    repair::Outcome commit(const repair::Plan& plan) override;

    // One transaction of somebody else. The change throws if it cannot be made.
    void edit(const std::function<void(FakeRuleset&)>& change);

    [[nodiscard]] const FakeRuleset& ruleset() const { return ruleset_; }
    [[nodiscard]] std::uint32_t generation() const { return generation_; }
    void set_generation(std::uint32_t generation) { generation_ = generation; }

    // What every look, and every commit, comes to from now on; nothing: what it should.
    void fail_observe(std::optional<repair::Error> error) { observe_error_ = std::move(error); }
    void fail_commit(std::optional<repair::Outcome> outcome) { commit_failure_ = std::move(outcome); }
    // As the node's iptables-restore does it: a transaction for each table.
    void write_table_by_table() { table_by_table_ = true; }
    // Runs at the beginning of the next commit, once: what somebody else does between the look and the commit.
    void before_commit(std::function<void()> action) { before_commit_ = std::move(action); }

    // "observe ipv4", "commit ipv4: committed", in order.
    [[nodiscard]] const std::vector<std::string>& log() const { return log_; }
    void clear_log() { log_.clear(); }

private:
    repair::Outcome attempt(const repair::Plan& plan);
    repair::Outcome attempt_tables(const repair::Plan& plan);

    FakeRuleset ruleset_;
    std::uint32_t generation_ = 1;
    std::optional<repair::Error> observe_error_;
    std::optional<repair::Outcome> commit_failure_;
    std::function<void()> before_commit_;
    bool table_by_table_ = false;
    std::vector<std::string> log_;
};

}  // namespace chainkeeper::tests
