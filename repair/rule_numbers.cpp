// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/rule_numbers.hpp"

namespace chainkeeper::repair {

std::int64_t RuleNumbers::now(const std::string& chain, std::uint32_t number) const
{
    std::int64_t now = number;
    for (const auto& edit : edits_)
        if (edit.chain == chain && edit.number <= number)
            now += edit.shift;
    return now;
}

void RuleNumbers::inserted(const std::string& chain, std::uint32_t number)
{
    edits_.push_back({.chain = chain, .number = number, .shift = 1});
}

void RuleNumbers::deleted(const std::string& chain, std::uint32_t number)
{
    edits_.push_back({.chain = chain, .number = number, .shift = -1});
}

}  // namespace chainkeeper::repair
