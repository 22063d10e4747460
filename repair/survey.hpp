// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/rule.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace chainkeeper::repair {

// One rule, as much of it as can be told whatever its words are.
struct SurveyedRule {
    enum class End : std::uint8_t { accept, drop, return_, jump, other };
    std::string_view table;
    std::string_view chain;
    End end = End::other;
    std::string_view jump_to;  // of a jump or a goto
    // False of a goto, and of a map of verdicts, which may return: what they send away sees no later rule of the chain.
    bool comes_back = true;
    std::string_view words{};       // "-p match:tcp", "meta cmp": what it consists of, but for values and its end
    bool narrows = false;           // whether anything but a comment says which packets it is for
    std::uint64_t fingerprint = 0;  // the same for the same words, whatever its counters are
};

// Whether no packet gets to what stands behind the rule in its chain.
bool ends_all(const SurveyedRule& rule);

// A chain, as it is told of before its rules.
struct SurveyedHeader {
    std::string_view table;
    std::string_view chain;
    std::optional<Verdict> policy{};    // of a base chain
    std::optional<std::size_t> uses{};  // its rules and all that leads to it, where the kernel has counted them
};

// A rule that drops every packet that comes to it, or sends every one of them back.
struct BareVerdict {
    std::size_t number = 0;  // in its chain, from 1
    Verdict verdict = Verdict::drop;
    bool operator==(const BareVerdict&) const = default;
};

struct SurveyedChain {
    static constexpr std::size_t most_bare = 4;

    std::optional<Verdict> policy{};  // of a base chain
    std::size_t rules = 0;
    std::size_t repeated = 0;    // rules that are the same as one before them
    std::size_t references = 0;  // rules and elements of maps that lead here
    bool masquerades = false;    // one of its rules does
    // What the first rule does that ends the way of every packet which gets to it: `other` is to reject, `jump` a goto.
    std::optional<SurveyedRule::End> ending{};
    bool accepts_some = false;  // a rule before that one does
    // No packet that comes here comes back: that rule accepts, drops or rejects, and none before it returns some.
    bool keeps_all = false;
    // Of a base chain: what rules for every packet lead to, in that order; so many of them stand before the ending.
    std::vector<std::string> jumps{};
    std::size_t jumps_reached = 0;
    std::set<std::string> repeated_jumps{};  // and what a rule leads to that is the same as one before it
    std::vector<BareVerdict> bare{};         // the first most_bare of them
    bool operator==(const SurveyedChain&) const = default;
};

struct SurveyedTable {
    std::size_t rules = 0;
    std::map<std::string, SurveyedChain, std::less<>> chains{};
    bool operator==(const SurveyedTable&) const = default;
};

// Why not every packet that enters a base chain gets to another one: no rule for all of them leads there, or a rule of
// `chain`, the base chain or one that is led to before, ends their way first.
struct Obstacle {
    std::string chain{};                               // empty where no rule leads there
    SurveyedRule::End end = SurveyedRule::End::other;  // a return from a base chain is what its policy is
    bool accepts_some = false;                         // of those that come to `chain`
    bool operator==(const Obstacle&) const = default;
};

// A ruleset of one family, whole, by counts: 100,000 chains are some 30 MB.
struct Survey {
    std::map<std::string, SurveyedTable, std::less<>> tables{};

    // nullptr where there is none.
    [[nodiscard]] const SurveyedChain* find(std::string_view table, std::string_view chain) const;
    // Nothing where every packet that enters base chain `base` gets to `chain`, as far as that can be told from `base`
    // and the chains that it leads to itself.
    [[nodiscard]] std::optional<Obstacle> obstacle(std::string_view table, std::string_view base,
                                                   std::string_view chain) const;
    bool operator==(const Survey&) const = default;
};

// Is told of a ruleset: first the chains of a table, then their rules, chain by chain. What views point at is gone when
// the call returns.
class RulesetSink {
public:
    RulesetSink() = default;
    RulesetSink(const RulesetSink&) = delete;
    RulesetSink& operator=(const RulesetSink&) = delete;
    RulesetSink(RulesetSink&&) = delete;
    RulesetSink& operator=(RulesetSink&&) = delete;
    virtual ~RulesetSink() = default;

    // The ruleset changed meanwhile: it is told from the beginning.
    virtual void begin_again() = 0;
    // What was told since is what was told before, so that nothing of it has changed: something else has.
    [[nodiscard]] virtual bool is_as_before() const = 0;
    virtual void add_chain(const SurveyedHeader& header) = 0;
    virtual void add_rule(const SurveyedRule& rule) = 0;
};

// Counts. Where the kernel has not counted what leads to a chain, jumps are counted.
class Surveyor final : public RulesetSink {
public:
    void begin_again() override;
    [[nodiscard]] bool is_as_before() const override { return before_ && *before_ == survey_; }
    void add_chain(const SurveyedHeader& header) override;
    void add_rule(const SurveyedRule& rule) override;
    [[nodiscard]] const Survey& so_far() const { return survey_; }
    [[nodiscard]] Survey finish() && { return std::move(survey_); }

private:
    void enter(std::string_view table, std::string_view chain);
    void count_jump(const SurveyedRule& rule, bool is_repeated);

    Survey survey_;
    std::optional<Survey> before_;
    SurveyedTable* table_ = nullptr;  // of the last rule, and its chain
    SurveyedChain* chain_ = nullptr;
    std::string entered_;
    bool is_counted_ = false;                         // the kernel has counted the references
    bool sends_back_ = false;                         // some packets have left the chain, and may come back from it
    std::unordered_set<std::uint64_t> fingerprints_;  // of the rules of the chain
};

}  // namespace chainkeeper::repair
