// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/node_policy.hpp"

#include "policies/policy_file.hpp"

#include <fmt/format.h>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace chainkeeper::daemon::doctor {

namespace {

using policies::Policy;
using policies::PolicyError;
using policies::PolicyText;

// The text of a file that is there.
tl::expected<PolicyText, PolicyError> text_of(const Root& root, const std::string& path)
{
    auto text = root.text(path);
    if (!text)
        return tl::unexpected(PolicyError{text.error()});
    if (!*text)
        return tl::unexpected(PolicyError{fmt::format("{}: is not there any more", path)});
    return PolicyText{.text = **std::move(text), .name = path};
}

// The drop-ins of a policy file, sorted as names() has them.
tl::expected<std::vector<std::string>, PolicyError> drop_ins_of(const Root& root, const std::string& path)
{
    const auto directory = path + ".d";
    const auto names = root.names(directory);
    if (!names)
        return tl::unexpected(PolicyError{names.error()});
    std::vector<std::string> files;
    if (*names)
        for (const auto& name : **names)
            if (policies::is_drop_in(name))
                files.push_back(fmt::format("{}/{}", directory, name));
    return files;
}

// As policies::load_policy() reads it, but that nothing leads out of the root.
tl::expected<Policy, PolicyError> policy_of(const Root& root)
{
    const std::string path{policies::default_policy_path};
    if (const auto main_file = root.text(path); main_file && !*main_file)
        return Policy{};
    auto files = drop_ins_of(root, path);
    if (!files)
        return tl::unexpected(files.error());
    files->insert(files->begin(), path);
    policies::PolicyTexts texts;
    for (const auto& file : *files) {
        const auto read = text_of(root, file).and_then([&](PolicyText text) { return texts.add(std::move(text)); });
        if (!read)
            return tl::unexpected(read.error());
    }
    return policies::parse_policy(texts);
}

}  // namespace

Thresholds thresholds_of(const Root& root, const std::optional<std::filesystem::path>& file)
{
    const auto policy = file ? policies::load_policy(*file) : policy_of(root);
    if (!policy)
        return {.values = {},
                .disruptors = {},
                .error = fmt::format("{}; the thresholds are the default ones", policy.error().what)};
    return {.values = policy->doctor, .disruptors = policy->repair.disruptors, .error = {}};
}

}  // namespace chainkeeper::daemon::doctor
