// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/root.hpp"

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace chainkeeper::daemon::doctor {

// Where container runtimes look for networks, and for the plugins that make them: what their configuration says first,
// then where they look unless it says something.
struct CniFolders {
    std::vector<std::string> configs;
    std::vector<std::string> plugins;
    std::vector<std::string> troubles;  // sentences: what could not be read
};
CniFolders cni_folders(const Root& root);

// Adds what a configuration of containerd or CRI-O says: bin_dir, bin_dirs and conf_dir of a table "cni", plugin_dirs
// and network_dir of a table "network". The error says what is no TOML in it.
tl::expected<void, std::string> add_cni_folders(CniFolders& folders, std::string_view text);

}  // namespace chainkeeper::daemon::doctor
