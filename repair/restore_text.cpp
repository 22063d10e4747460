// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/restore_text.hpp"

#include "repair/rule_numbers.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

namespace chainkeeper::repair {

namespace {

// Writes the steps of one table.
class TableText {
public:
    explicit TableText(Family family) : family_{family} {}

    std::string operator()(const CreateTable&) { return {}; }
    std::string operator()(const CreateBaseChain&) { return {}; }
    std::string operator()(const CreateChain& step) { return fmt::format("-N {}\n", step.chain); }
    std::string operator()(const AddRule& step)
    {
        const auto rule = to_string(family_, step.rule);
        if (!step.before)
            return fmt::format("-A {} {}\n", step.chain, rule);
        const auto number = numbers_.now(step.chain, step.before->number);
        numbers_.inserted(step.chain, step.before->number);
        return fmt::format("-I {} {} {}\n", step.chain, number, rule);
    }
    std::string operator()(const InsertJump& step)
    {
        return fmt::format("-I {} {}\n", step.base_chain, to_string(family_, step.rule));
    }
    std::string operator()(const DeleteRule& step)
    {
        numbers_.deleted(step.chain, step.position.number);
        return fmt::format("-D {} {}\n", step.chain, to_string(family_, step.rule));
    }
    std::string operator()(const DeleteChain& step) { return fmt::format("-X {}\n", step.chain); }

private:
    Family family_;
    RuleNumbers numbers_;
};

}  // namespace

std::string restore_text(const Plan& plan)
{
    std::string text;
    for (const auto table : mangle_last) {
        TableText table_text{plan.family};
        std::string lines;
        for (const auto& step : plan.steps)
            if (table_of(step) == table)
                lines += std::visit(table_text, step);
        if (!lines.empty())
            text += fmt::format("*{}\n{}COMMIT\n", to_string(table), lines);
    }
    return text;
}

}  // namespace chainkeeper::repair
