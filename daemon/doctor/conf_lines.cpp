// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/conf_lines.hpp"

#include <array>
#include <filesystem>
#include <fmt/format.h>
#include <map>

namespace chainkeeper::daemon::doctor {

namespace {

constexpr std::array folders{"/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"};

// By their names.
using Files = std::map<std::string, std::string>;

tl::expected<Files, std::string> files_of(const Root& root, std::string_view name)
{
    Files files;
    for (const auto* const folder : folders) {
        const auto paths = root.paths(fmt::format("{}/{}", folder, name), ".conf");
        if (!paths)
            return tl::unexpected(paths.error());
        for (const auto& path : *paths)
            if (auto file = path.substr(path.rfind('/') + 1); !file.starts_with('.'))
                files.emplace(std::move(file), path);
    }
    return files;
}

tl::expected<bool, std::string> is_masked(const Root& root, const std::filesystem::path& file)
{
    return root.link(file.string()).map([&](const std::optional<std::string>& target) {
        return target && (file.parent_path() / *target).lexically_normal() == "/dev/null";
    });
}

}  // namespace

tl::expected<void, std::string>
each_conf_line(const Root& root, std::string_view name,
               const std::function<void(const std::string& file, std::string_view line)>& line)
{
    const auto files = files_of(root, name);
    if (!files)
        return tl::unexpected(files.error());
    for (const auto& file : *files) {
        const auto& path = file.second;
        const auto masked = is_masked(root, path);
        if (!masked)
            return tl::unexpected(masked.error());
        if (*masked)
            continue;
        if (const auto read = root.each_line(path, [&](std::string_view text) { line(path, text); }); !read)
            return tl::unexpected(read.error());
    }
    return {};
}

}  // namespace chainkeeper::daemon::doctor
