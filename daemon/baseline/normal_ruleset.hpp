// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/baseline/baseline.hpp"
#include "repair/error.hpp"
#include "repair/survey.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace chainkeeper::daemon::baseline {

// Makes a baseline of what it is told of one ruleset, and keeps no rule.
class NormalRuleset final : public repair::RulesetSink {
public:
    explicit NormalRuleset(Place place) : place_{place} {}

    void begin_again() override;
    [[nodiscard]] bool is_as_before() const override { return before_ && *before_ == baseline_; }
    void add_chain(const repair::SurveyedHeader& header) override;
    void add_rule(const repair::SurveyedRule& rule) override;
    [[nodiscard]] Baseline finish() &&;

private:
    void enter(const repair::SurveyedRule& rule);

    Place place_;
    Baseline baseline_;
    std::optional<Baseline> before_;
    std::string table_;  // of the last rule, and its chain
    std::string chain_;
    bool is_owned_ = false;
    NormalChain* entered_ = nullptr;  // where rules of the chain go; nullptr: nowhere
    std::string kind_;                // of the last rule
};

// Of both backends and both families in this network namespace. Needs CAP_NET_ADMIN, and CAP_NET_RAW for legacy tables.
repair::Result<Baseline> read_baseline();

}  // namespace chainkeeper::daemon::baseline
