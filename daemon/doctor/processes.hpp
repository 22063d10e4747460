// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/root.hpp"

#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace chainkeeper::daemon::doctor {

struct Process {
    std::string pid;
    std::string name;  // as the kernel has it, 15 characters: /proc/PID/comm
};

// Those with one of these names that are seen to be in this network namespace: of a node in a container, the host's and
// its neighbours' are not. One that ends meanwhile is left out.
tl::expected<std::vector<Process>, std::string> processes_named(const Root& root,
                                                                std::span<const std::string_view> names);

}  // namespace chainkeeper::daemon::doctor
