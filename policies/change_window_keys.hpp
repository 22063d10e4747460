// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/policy.hpp"
#include "policies/toml_tree.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

// [[change_window]] in the policy file.
namespace chainkeeper::policies {

inline constexpr std::string_view change_window_section = "change_window";

struct ChangeWindowKey {
    std::string_view name;
    bool required;
    Read<void> (*set)(ChangeWindow& window, const TomlEntry& entry);
    std::string (*text)(const ChangeWindow& window);
};

std::span<const ChangeWindowKey> change_window_keys();
std::vector<std::string_view> change_window_key_names();

// All windows of a file. An array of none is one, with which a file does away with the windows of those before it.
Read<std::vector<ChangeWindow>> change_windows_of(const TomlEntry& section);

}  // namespace chainkeeper::policies
