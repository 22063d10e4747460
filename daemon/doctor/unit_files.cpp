// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/unit_files.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace chainkeeper::daemon::doctor {

namespace {

// The first that has a unit's file counts.
constexpr std::array folders{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
                             "/usr/lib/systemd/system", "/lib/systemd/system"};
constexpr std::array<std::string_view, 3> links_of{".wants", ".requires", ".upholds"};
// No unit that is meant to be read has more.
constexpr std::size_t most_lines = 1000;
constexpr std::size_t longest_joined = 16384;

bool starts_others(const std::string& folder)
{
    return std::ranges::any_of(links_of, [&](auto suffix) { return folder.ends_with(suffix); });
}

std::string file_of(const std::string& folder, const std::string& name)
{
    return fmt::format("{}/{}", folder, name);
}

// Calls `each` with every name, in the order of the folders.
template <typename Each>
tl::expected<void, std::string> each_name(const Root& root, Each each)
{
    for (const std::string folder : folders) {
        const auto names = root.names(folder);
        if (!names)
            return tl::unexpected(names.error());
        for (const auto& name : names->value_or(std::vector<std::string>{}))
            each(folder, name);
    }
    return {};
}

// False where there is no such file.
tl::expected<bool, std::string> add_lines(const Root& root, const std::string& file, std::vector<std::string>& lines)
{
    bool goes_on = false;
    const auto read = root.each_line(file, [&](std::string_view line) {
        const bool will_go_on = line.ends_with('\\');
        if (will_go_on)
            line.remove_suffix(1);
        if (goes_on)
            lines.back().append(line, 0, longest_joined - std::min(longest_joined, lines.back().size()));
        else if (lines.size() < most_lines)
            lines.emplace_back(line);
        goes_on = will_go_on && !lines.empty();
    });
    return read.map([](const auto& count) { return count.has_value(); });
}

tl::expected<void, std::string> add_drop_ins(const Root& root, const std::string& folder,
                                             std::vector<std::string>& lines)
{
    const auto files = root.paths(folder, ".conf");
    if (!files)
        return tl::unexpected(files.error());
    for (const auto& file : *files)
        if (const auto read = add_lines(root, file, lines); !read)
            return tl::unexpected(read.error());
    return {};
}

}  // namespace

tl::expected<std::set<std::string>, std::string> UnitFiles::ending_in(std::string_view suffix) const
{
    std::set<std::string> units;
    return each_name(root_,
                     [&](const auto& /*folder*/, const auto& name) {
                         if (name.ends_with(suffix))
                             units.insert(name);
                     })
        .map([&] { return units; });
}

tl::expected<std::vector<std::string>, std::string> UnitFiles::lines_of(const std::string& unit) const
{
    std::vector<std::string> lines;
    const auto masked = is_masked(unit);
    if (!masked || *masked)
        return masked ? tl::expected<std::vector<std::string>, std::string>{lines} : tl::unexpected(masked.error());
    for (const std::string folder : folders) {
        const auto read = add_lines(root_, file_of(folder, unit), lines);
        if (!read)
            return tl::unexpected(read.error());
        if (*read)
            break;
    }
    for (const std::string folder : folders)
        if (const auto read = add_drop_ins(root_, file_of(folder, unit) + ".d", lines); !read)
            return tl::unexpected(read.error());
    return lines;
}

tl::expected<bool, std::string> UnitFiles::exists(const std::string& unit) const
{
    bool found = false;
    return each_name(root_, [&](const auto& /*folder*/, const auto& name) { found = found || name == unit; }).map([&] {
        return found;
    });
}

tl::expected<bool, std::string> UnitFiles::is_enabled(const std::string& unit) const
{
    const auto masked = is_masked(unit);
    if (!masked || *masked)
        return masked.map([](bool) { return false; });
    std::vector<std::string> starters;
    const auto listed = each_name(root_, [&](const auto& folder, const auto& name) {
        if (starts_others(name))
            starters.push_back(file_of(folder, name));
    });
    if (!listed)
        return tl::unexpected(listed.error());
    for (const auto& starter : starters) {
        const auto names = root_.names(starter);
        if (!names)
            return tl::unexpected(names.error());
        if (*names && std::ranges::binary_search(**names, unit))
            return true;
    }
    return false;
}

tl::expected<bool, std::string> UnitFiles::is_masked(const std::string& unit) const
{
    for (const std::string folder : folders) {
        const auto target = root_.link(file_of(folder, unit));
        if (!target)
            return tl::unexpected(target.error());
        if (*target && **target == "/dev/null")
            return true;
    }
    return false;
}

}  // namespace chainkeeper::daemon::doctor
