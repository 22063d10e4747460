// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/policy.hpp"
#include "policies/toml_tree.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::policies {

// One key of the policy file: where it stands, how its value gets into the policy, and how it would be written there.
// The keys of the change windows, of which there can be any number, are in change_window_keys.hpp.
struct PolicyKey {
    std::string_view section;
    std::string_view name;
    Read<void> (*set)(Policy& policy, const TomlEntry& entry);
    std::string (*text)(const Policy& policy);
};

// Every key there is, section by section.
std::span<const PolicyKey> policy_keys();

// "guard", "kubelet", …, each of them once.
std::vector<std::string_view> policy_sections();
std::vector<std::string_view> policy_keys_of(std::string_view section);

// Nothing when there is no such key.
const PolicyKey* find_policy_key(std::string_view section, std::string_view name);

}  // namespace chainkeeper::policies
