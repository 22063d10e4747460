// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/processes.hpp"

#include "daemon/doctor/kernel_number.hpp"
#include "daemon/process_network.hpp"

#include <algorithm>

namespace chainkeeper::daemon::doctor {

tl::expected<std::vector<Process>, std::string> processes_named(const Root& root,
                                                                std::span<const std::string_view> names)
{
    const auto entries = root.names("/proc");
    if (!entries)
        return tl::unexpected(entries.error());
    std::vector<Process> processes;
    for (const auto& pid : entries->value_or(std::vector<std::string>{})) {
        const auto number = number_of(pid);
        if (!number)
            continue;
        const auto text = root.text("/proc/" + pid + "/comm");
        if (!text || !*text)
            continue;
        const auto name = std::string_view{**text}.substr(0, (*text)->find('\n'));
        if (std::ranges::find(names, name) != names.end() &&
            network_of_process("/proc", static_cast<std::uint32_t>(*number)) == ProcessNetwork::ours)
            processes.push_back({.pid = pid, .name = std::string{name}});
    }
    return processes;
}

}  // namespace chainkeeper::daemon::doctor
