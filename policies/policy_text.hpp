// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/policy_file.hpp"

#include <string>
#include <string_view>
#include <vector>

// A policy as it would be written, every key of it, and where each value comes from.
namespace chainkeeper::policies {

struct KeyText {
    std::string_view name;
    std::string text;  // of the value, in TOML that is JSON, too
    std::string from;  // "/etc/chainkeeper/chainkeeper.toml:12" or "default"
};

struct SectionText {
    std::string_view name;
    std::vector<KeyText> keys;
};

// Every section but the change windows.
std::vector<SectionText> section_texts(const SourcedPolicy& sourced);

// A window is written as a whole, so each of its keys is from where the window is.
std::vector<std::vector<KeyText>> change_window_texts(const SourcedPolicy& sourced);

// All of it as a policy file, with comments that say where each value comes from.
std::string policy_text(const SourcedPolicy& sourced);

}  // namespace chainkeeper::policies
