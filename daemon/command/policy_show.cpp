// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/command.hpp"
#include "daemon/policy_source.hpp"
#include "policies/policy_text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

using nlohmann::json;

// The text is ours, and JSON as well as TOML.
json value_of(const policies::KeyText& key)
{
    constexpr bool allow_exceptions = false;
    return json::parse(key.text, nullptr, allow_exceptions);
}

json section_json(const std::vector<policies::KeyText>& keys)
{
    auto section = json::object();
    for (const auto& key : keys)
        section[std::string{key.name}] = {{"value", value_of(key)}, {"from", key.from}};
    return section;
}

json policy_json(const policies::SourcedPolicy& sourced)
{
    auto policy = json::object();
    for (const auto& section : policies::section_texts(sourced))
        policy[std::string{section.name}] = section_json(section.keys);
    auto windows = json::array();
    for (const auto& window : policies::change_window_texts(sourced))
        windows.push_back(section_json(window));
    policy["change_window"] = std::move(windows);
    return policy;
}

}  // namespace

int run_policy_show(const CommandOptions& options)
{
    const auto sourced = load_effective_sourced_policy(options.policy.policy);
    if (!sourced)
        return give_up(options, sourced.error().what);
    if (options.json)
        print_json(policy_json(*sourced));
    else
        fmt::print("{}", policies::policy_text(*sourced));
    return exit_healthy;
}

}  // namespace chainkeeper::daemon
