// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/processes.hpp"

#include <algorithm>
#include <cctype>

namespace chainkeeper::daemon::doctor {

namespace {

bool is_number(const std::string& name)
{
    return std::ranges::all_of(name, [](unsigned char character) { return std::isdigit(character) != 0; });
}

}  // namespace

tl::expected<std::vector<Process>, std::string> processes_named(const Root& root,
                                                                std::span<const std::string_view> names)
{
    const auto entries = root.names("/proc");
    if (!entries)
        return tl::unexpected(entries.error());
    std::vector<Process> processes;
    for (const auto& pid : entries->value_or(std::vector<std::string>{})) {
        if (!is_number(pid))
            continue;
        const auto text = root.text("/proc/" + pid + "/comm");
        if (!text || !*text)
            continue;
        const auto name = std::string_view{**text}.substr(0, (*text)->find('\n'));
        if (std::ranges::find(names, name) != names.end())
            processes.push_back({.pid = pid, .name = std::string{name}});
    }
    return processes;
}

}  // namespace chainkeeper::daemon::doctor
