// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/policy.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace chainkeeper::policies {

inline constexpr std::string_view default_policy_path = "/etc/chainkeeper/chainkeeper.toml";

// "/etc/chainkeeper/chainkeeper.toml:12:3: unknown key 'setle' in [repair]; did you mean 'settle'?"
struct PolicyError {
    std::string what;
};

// Reads `path` and then, in the order of their names, the files of `path` + ".d" that end in ".toml" and do not begin
// with a dot: a later file wins key by key. A file that is not there is an error, a directory that is not there is not.
// All or nothing.
tl::expected<Policy, PolicyError> load_policy(const std::filesystem::path& path);

// The same of one text; `name` stands for the file in errors.
tl::expected<Policy, PolicyError> parse_policy(std::string_view text, std::string_view name);

}  // namespace chainkeeper::policies
