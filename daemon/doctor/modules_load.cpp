// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/modules_load.hpp"

#include <algorithm>

namespace chainkeeper::daemon::doctor {

namespace {

constexpr std::size_t most_modules = 4096;
constexpr std::string_view blanks = " \t\r";

tl::expected<void, std::string> read_folder(const Root& root, const std::string& folder, std::set<std::string>& modules)
{
    const auto files = root.paths(folder, ".conf");
    if (!files)
        return tl::unexpected(files.error());
    for (const auto& file : *files) {
        const auto lines = root.each_line(file, [&](std::string_view line) {
            if (auto module = module_of_boot(line); !module.empty() && modules.size() < most_modules)
                modules.insert(std::move(module));
        });
        if (!lines)
            return tl::unexpected(lines.error());
    }
    return {};
}

}  // namespace

tl::expected<std::set<std::string>, std::string> modules_of_boot(const Root& root)
{
    std::set<std::string> modules;
    for (const auto* const folder :
         {"/etc/modules-load.d", "/run/modules-load.d", "/usr/local/lib/modules-load.d", "/usr/lib/modules-load.d"})
        if (const auto read = read_folder(root, folder, modules); !read)
            return tl::unexpected(read.error());
    return modules;
}

std::string module_of_boot(std::string_view line)
{
    const auto first = line.find_first_not_of(blanks);
    if (first == std::string_view::npos || line[first] == '#' || line[first] == ';')
        return "";
    line.remove_prefix(first);
    std::string name{line.substr(0, line.find_last_not_of(blanks) + 1)};
    std::ranges::replace(name, '-', '_');
    return name;
}

}  // namespace chainkeeper::daemon::doctor
