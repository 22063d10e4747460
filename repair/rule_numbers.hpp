// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace chainkeeper::repair {

// Which number a rule of one table has by now. A plan names rules as they stood when it was made; iptables knows them
// by number where nf_tables knows them by handle, so each edit moves what comes after it.
class RuleNumbers {
public:
    // The number now of the rule that had `number`, counted from 1, when the plan was made.
    [[nodiscard]] std::int64_t now(const std::string& chain, std::uint32_t number) const;

    // Something was inserted before the rule that had that number; that rule was deleted.
    void inserted(const std::string& chain, std::uint32_t number);
    void deleted(const std::string& chain, std::uint32_t number);

private:
    struct Edit {
        std::string chain;
        std::uint32_t number;
        int shift;
    };
    std::vector<Edit> edits_;
};

}  // namespace chainkeeper::repair
