// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/baseline/baseline.hpp"

namespace chainkeeper::daemon::baseline {

std::string_view policy_text(const NormalChain& chain)
{
    if (!chain.policy)
        return "";
    return chain.policy == repair::Verdict::drop ? "drop" : "accept";
}

}  // namespace chainkeeper::daemon::baseline
