// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/kernel_modules.hpp"

#include "daemon/doctor/conf_lines.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <sstream>
#include <utility>

namespace chainkeeper::daemon::doctor {

namespace {

// A distribution's kernel has some 5,000.
constexpr std::size_t most_modules = 20000;
constexpr std::size_t longest_file = 255;

// Both are one to the kernel.
std::string with_underscores(std::string_view name)
{
    std::string text{name};
    std::ranges::replace(text, '-', '_');
    return text;
}

}  // namespace

std::string module_name(std::string_view file)
{
    const auto name = file.substr(file.rfind('/') + 1);
    const auto end = name.find(".ko");
    const auto rest = end == std::string_view::npos ? "" : name.substr(end + 3);
    if (end == std::string_view::npos || file.size() > longest_file || (!rest.empty() && !rest.starts_with('.')))
        return "";
    return with_underscores(name.substr(0, end));
}

std::string disabled_module(std::string_view line)
{
    std::istringstream words{std::string{line}};
    std::string command;
    std::string name;
    std::string program;
    words >> command >> name >> program;
    const bool does_nothing = program.ends_with("/true") || program.ends_with("/false");
    return command == "install" && does_nothing && name.size() <= longest_file ? with_underscores(name) : "";
}

KernelModules::KernelModules(const Root& root, std::string folder, bool runs)
    : root_{&root}, folder_{std::move(folder)}, runs_{runs}
{
}

tl::expected<KernelModules, std::string> KernelModules::read(const Root& root, const std::string& release, bool runs)
{
    KernelModules modules{root, "/lib/modules/" + release, runs};
    return modules.read_lists().and_then([&] { return modules.read_disabled(); }).map([&] {
        return std::move(modules);
    });
}

// modules.dep has "kernel/net/netfilter/nf_tables.ko: …" for each module that can be loaded, modules.builtin the name
// of each file that would be there if it were one.
tl::expected<void, std::string> KernelModules::read_lists()
{
    const auto dependencies = root_->each_line(folder_ + "/modules.dep", [&](std::string_view line) {
        const auto file = line.substr(0, line.find(':'));
        if (auto name = module_name(file); !name.empty() && files_.size() < most_modules)
            files_.emplace(std::move(name), file);
    });
    if (!dependencies)
        return tl::unexpected(dependencies.error());
    const auto built_in = root_->each_line(folder_ + "/modules.builtin", [&](std::string_view line) {
        if (auto name = module_name(line); !name.empty() && built_in_.size() < most_modules)
            built_in_.insert(std::move(name));
    });
    if (!built_in)
        return tl::unexpected(built_in.error());
    has_list_ = dependencies->has_value();
    return {};
}

tl::expected<void, std::string> KernelModules::read_disabled()
{
    std::string start;  // of a line that a backslash has go on in the next one, or end with the file
    std::string file_of_start;
    const auto take = [&] {
        auto module = disabled_module(std::exchange(start, {}));
        if (!module.empty() && disabled_.size() < most_modules)
            disabled_.emplace(std::move(module), file_of_start);
    };
    return each_conf_line(*root_, "modprobe.d",
                          [&](const std::string& file, std::string_view line) {
                              if (file != file_of_start)
                                  take();
                              file_of_start = file;
                              const bool goes_on = line.ends_with('\\');
                              line.remove_suffix(goes_on ? 1 : 0);
                              start += line.substr(0, Root::longest_line - std::min(start.size(), Root::longest_line));
                              if (!goes_on)
                                  take();
                          })
        .map(take);
}

Found<ModuleState> KernelModules::state_of(const std::string& name) const
{
    if (runs_) {
        const auto loaded = root_->names("/sys/module/" + name);
        if (!loaded)
            return tl::unexpected(loaded.error());
        if (*loaded)
            return ModuleState::loaded;
    }
    if (built_in_.contains(name))
        return ModuleState::built_in;
    if (!has_list_)
        return std::nullopt;
    const auto file = files_.find(name);
    if (file == files_.end())
        return ModuleState::missing;
    if (disabled_.contains(name))
        return ModuleState::disabled;
    return root_->executable(fmt::format("{}/{}", folder_, file->second)).map([](const auto& found) {
        return std::optional{found.has_value() ? ModuleState::loadable : ModuleState::missing};
    });
}

std::string KernelModules::disabled_by(const std::string& name) const
{
    const auto found = disabled_.find(name);
    return found == disabled_.end() ? "" : found->second;
}

}  // namespace chainkeeper::daemon::doctor
