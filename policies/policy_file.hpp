// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/policy.hpp"
#include "policies/toml_tree.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace chainkeeper::policies {

inline constexpr std::string_view default_policy_path = "/etc/chainkeeper/chainkeeper.toml";

// "/etc/chainkeeper/chainkeeper.toml:12:3: unknown key 'setle' in [repair]; did you mean 'settle'?"
struct PolicyError {
    std::string what;
};

// Where something of a policy was written.
struct Written {
    std::string_view section;
    std::string_view key;  // empty for a [[change_window]]
    std::string file;
    Place place;
};

// A policy, and what of it was not left as it is by default. Of a key that was written more than once, every place is
// there, and the last one counts; of the change windows, those that count, one a window and in the same order.
struct SourcedPolicy {
    Policy policy;
    std::vector<Written> written;

    // Where the key was written last; nothing where it has its default.
    [[nodiscard]] const Written* find(std::string_view section, std::string_view key) const;
};

// Reads `path` and then, in the order of their names, the files of `path` + ".d" that end in ".toml" and do not begin
// with a dot: a later file wins key by key, and its change windows take the place of all before them. A file that is
// not there is an error, a directory that is not there is not. All or nothing.
tl::expected<SourcedPolicy, PolicyError> load_sourced_policy(const std::filesystem::path& path);
tl::expected<Policy, PolicyError> load_policy(const std::filesystem::path& path);

// The texts of the files of a policy, in that order; `name` stands for the file in errors.
struct PolicyText {
    std::string text;
    std::string name;
};
class PolicyTexts {
public:
    // Together, in bytes; far more than a policy needs.
    static constexpr std::size_t most = std::size_t{1} << 20U;
    // Refuses what there is too much of.
    tl::expected<void, PolicyError> add(PolicyText text);
    [[nodiscard]] const std::vector<PolicyText>& all() const { return texts_; }

private:
    std::vector<PolicyText> texts_;
    std::size_t size_ = 0;
};
tl::expected<Policy, PolicyError> parse_policy(const PolicyTexts& texts);

// Whether the directory beside a policy file has it for a file that is read after it.
bool is_drop_in(const std::filesystem::path& file);

// The same of one text.
tl::expected<SourcedPolicy, PolicyError> parse_sourced_policy(std::string_view text, std::string_view name);
tl::expected<Policy, PolicyError> parse_policy(std::string_view text, std::string_view name);

}  // namespace chainkeeper::policies
