// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace chainkeeper::daemon::doctor {

// Whether a container runtime reads a file of that name in /etc/cni/net.d: *.conf, *.conflist, *.json.
bool is_cni_config(std::string_view name);

// The plugins that a network configuration runs, each once, those for addresses among them: the "type"s of CNI's
// specification. The error says what a runtime would not take: "it is empty".
tl::expected<std::vector<std::string>, std::string> cni_plugins(std::string_view name, std::string_view text);

}  // namespace chainkeeper::daemon::doctor
