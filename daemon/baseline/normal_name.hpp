// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace chainkeeper::daemon::baseline {

// What a chain is called on every node: those of single Services, endpoints and pods are one name with a *
// ("KUBE-SVC-*", "cali-tw-*"), any other keeps its own. The table tells kube-proxy's nftables mode, whose names are
// common words. Fit to be written into JSON.
std::string normal_name(std::string_view table, std::string_view chain);

}  // namespace chainkeeper::daemon::baseline
