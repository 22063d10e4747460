// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/modules_load.hpp"

#include "daemon/doctor/conf_lines.hpp"

#include <algorithm>
#include <utility>

namespace chainkeeper::daemon::doctor {

namespace {

constexpr std::size_t most_modules = 4096;
constexpr std::string_view blanks = " \t\r";

}  // namespace

tl::expected<std::set<std::string>, std::string> modules_of_boot(const Root& root)
{
    std::set<std::string> modules;
    return each_conf_line(root, "modules-load.d",
                          [&](const std::string& /*file*/, std::string_view line) {
                              if (auto module = module_of_boot(line); !module.empty() && modules.size() < most_modules)
                                  modules.insert(std::move(module));
                          })
        .map([&] { return std::move(modules); });
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
