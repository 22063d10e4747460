// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string_view>

namespace chainkeeper::daemon::doctor {

// Whether a chain may end with a rule for all that comes to it.
enum class LastRule : std::uint8_t { narrows, may_be_bare };

// Chains by the prefix of their names. kubelet and kube-proxy say of each DROP and RETURN which packets it is for, with
// one exception; the network plugins end many a chain with one for all the others.
struct OwnedChains {
    std::string_view prefix;
    LastRule last_rule;
};

// nullptr for a chain of somebody else, such as the administrator. The table tells kube-proxy's nftables mode, whose
// chains have common words for names.
const OwnedChains* owner_of(std::string_view table, std::string_view chain);

}  // namespace chainkeeper::daemon::doctor
