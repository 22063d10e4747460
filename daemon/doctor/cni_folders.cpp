// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/cni_folders.hpp"

#include "policies/toml_tree.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace chainkeeper::daemon::doctor {

namespace {

using policies::TomlTable;
using policies::TomlValue;

constexpr std::array runtime_files{"/etc/containerd/config.toml",
                                   "/var/lib/rancher/k3s/agent/etc/containerd/config.toml",
                                   "/var/lib/rancher/rke2/agent/etc/containerd/config.toml", "/etc/crio/crio.conf"};
const std::string crio_folder = "/etc/crio/crio.conf.d";
constexpr std::array default_configs{"/etc/cni/net.d", "/var/lib/rancher/k3s/agent/etc/cni/net.d"};
// GKE has its plugins in the fourth, k3s in the last.
constexpr std::array default_plugins{"/opt/cni/bin", "/usr/libexec/cni", "/usr/lib/cni", "/home/kubernetes/bin",
                                     "/var/lib/rancher/k3s/data/current/bin"};
constexpr std::size_t most_folders = 16;

void add_folder(std::vector<std::string>& folders, const std::string& folder)
{
    const bool is_known = std::ranges::find(folders, folder) != folders.end();
    if (folder.starts_with('/') && !is_known && folders.size() < most_folders)
        folders.push_back(folder);
}

// A folder, or an array of them.
void add_value(std::vector<std::string>& folders, const TomlValue& value)
{
    if (const auto* const folder = value.string())
        add_folder(folders, *folder);
    if (const auto* const array = value.array())
        for (const auto& element : *array)
            if (const auto* const folder = element.string())
                add_folder(folders, *folder);
}

// Versions of containerd have the table in different places. The library bounds the depth.
void add_tables(CniFolders& found, const TomlTable& table, bool is_of_cni)
{
    for (const auto& [key, place, value] : table) {
        if (const auto* const inner = value.table())
            add_tables(found, *inner, key == "cni" || key == "network");
        if (!is_of_cni)
            continue;
        if (key == "bin_dir" || key == "bin_dirs" || key == "plugin_dirs")
            add_value(found.plugins, value);
        if (key == "conf_dir" || key == "network_dir")
            add_value(found.configs, value);
    }
}

void read_runtime(CniFolders& folders, const Root& root, const std::string& file)
{
    const auto text = root.text(file);
    if (!text)
        return folders.troubles.push_back(text.error());
    if (!*text)
        return;
    if (const auto added = add_cni_folders(folders, **text); !added)
        folders.troubles.push_back(fmt::format("{}: {}", file, added.error()));
}

}  // namespace

tl::expected<void, std::string> add_cni_folders(CniFolders& folders, std::string_view text)
{
    const auto tree = policies::parse_toml(text);
    if (!tree)
        return tl::unexpected(fmt::format("line {}: {}", tree.error().place.line, tree.error().sentence));
    if (const auto* const table = tree->table())
        add_tables(folders, *table, false);
    return {};
}

CniFolders cni_folders(const Root& root)
{
    CniFolders folders;
    for (const auto* const file : runtime_files)
        read_runtime(folders, root, file);
    const auto files = root.paths(crio_folder, "");
    if (!files)
        folders.troubles.push_back(files.error());
    else
        for (const auto& file : *files)
            read_runtime(folders, root, file);
    for (const auto* const folder : default_configs)
        add_folder(folders.configs, folder);
    for (const auto* const folder : default_plugins)
        add_folder(folders.plugins, folder);
    return folders;
}

}  // namespace chainkeeper::daemon::doctor
