// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/restore_text.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

namespace chainkeeper::repair {

namespace {

// Writes the steps of one table. iptables knows rules by number where the kernel knows them by handle, so each edit
// moves what comes after it.
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
        const auto number = number_now(step.chain, step.before->number);
        edits_.push_back({.chain = step.chain, .number = step.before->number, .shift = 1});
        return fmt::format("-I {} {} {}\n", step.chain, number, rule);
    }
    std::string operator()(const InsertJump& step)
    {
        return fmt::format("-I {} {}\n", step.base_chain, to_string(family_, step.rule));
    }
    std::string operator()(const DeleteRule& step)
    {
        edits_.push_back({.chain = step.chain, .number = step.position.number, .shift = -1});
        return fmt::format("-D {} {}\n", step.chain, to_string(family_, step.rule));
    }
    std::string operator()(const DeleteChain& step) { return fmt::format("-X {}\n", step.chain); }

private:
    struct Edit {
        std::string chain;
        std::uint32_t number;
        int shift;
    };

    [[nodiscard]] std::int64_t number_now(const std::string& chain, std::uint32_t number) const
    {
        std::int64_t now = number;
        for (const auto& edit : edits_)
            if (edit.chain == chain && edit.number <= number)
                now += edit.shift;
        return now;
    }

    Family family_;
    std::vector<Edit> edits_;
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
