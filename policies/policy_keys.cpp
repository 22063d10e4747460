// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/policy_keys.hpp"

#include "policies/duration.hpp"
#include "policies/policy_values.hpp"
#include "policies/toml_read.hpp"
#include "policies/toml_text.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace chainkeeper::policies {

namespace {

using namespace std::chrono_literals;

constexpr Bounds limit_bounds{100ms, 24h};
constexpr IntegerBounds history_bounds{std::int64_t{64} << 10U, std::int64_t{64} << 20U};

template <typename Choices>
Read<typename Choices::value_type> choice_in(const TomlEntry& entry, const Choices& all)
{
    return string_of(entry).and_then([&](std::string_view word) { return choice_of(word, entry.value.place, all); });
}

std::string duration_text(Duration duration)
{
    return toml_string(to_string(duration));
}

std::string families_text(const std::vector<repair::Family>& families)
{
    std::vector<std::string> words;
    words.reserve(families.size());
    for (const auto family : families)
        words.emplace_back(to_string(family));
    return toml_array(words);
}

constexpr std::array keys{
    PolicyKey{"guard", "families",
              [](Policy& policy, const TomlEntry& entry) { return assign(policy.guard.families, families_of(entry)); },
              [](const Policy& policy) { return families_text(policy.guard.families); }},
    PolicyKey{"guard", "backend",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.guard.backend, choice_in(entry, all_backend_choices));
              },
              [](const Policy& policy) { return toml_string(to_string(policy.guard.backend)); }},
    PolicyKey{"guard", "legacy_poll",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.guard.legacy_poll, duration_of(entry, {100ms, 1h}));
              },
              [](const Policy& policy) { return duration_text(policy.guard.legacy_poll); }},
    PolicyKey{"kubelet", "units",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.kubelet.units, services_of(entry, MayBeEmpty::no));
              },
              [](const Policy& policy) { return toml_array(policy.kubelet.units); }},
    PolicyKey{
        "kubelet", "require_active",
        [](Policy& policy, const TomlEntry& entry) { return assign(policy.kubelet.require_active, boolean_of(entry)); },
        [](const Policy& policy) { return toml_boolean(policy.kubelet.require_active); }},
    PolicyKey{"kubelet", "version",
              [](Policy& policy, const TomlEntry& entry) { return assign(policy.kubelet.version, version_of(entry)); },
              [](const Policy& policy) { return toml_string(policy.kubelet.version); }},
    PolicyKey{"kubelet", "monitor_interval",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.kubelet.monitor_interval, duration_of(entry, {100ms, 1h}));
              },
              [](const Policy& policy) { return duration_text(policy.kubelet.monitor_interval); }},
    PolicyKey{"kubelet", "init_grace",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.kubelet.init_grace, duration_of(entry, {0s, 1h}));
              },
              [](const Policy& policy) { return duration_text(policy.kubelet.init_grace); }},
    PolicyKey{
        "repair", "mode",
        [](Policy& policy, const TomlEntry& entry) { return assign(policy.repair.mode, choice_in(entry, all_modes)); },
        [](const Policy& policy) { return toml_string(to_string(policy.repair.mode)); }},
    PolicyKey{"repair", "strategy",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.repair.strategy, choice_in(entry, all_strategies));
              },
              [](const Policy& policy) { return toml_string(to_string(policy.repair.strategy)); }},
    PolicyKey{"repair", "on_damage",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.repair.on_damage, choice_in(entry, all_on_damage));
              },
              [](const Policy& policy) { return toml_string(to_string(policy.repair.on_damage)); }},
    PolicyKey{"repair", "transport",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.repair.transport, choice_in(entry, all_transports));
              },
              [](const Policy& policy) { return toml_string(to_string(policy.repair.transport)); }},
    PolicyKey{"repair", "settle",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.repair.settle, duration_of(entry, {0s, 1min}));
              },
              [](const Policy& policy) { return duration_text(policy.repair.settle); }},
    PolicyKey{"repair", "settle_deadline",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.repair.settle_deadline, duration_of(entry, {0s, 10min}));
              },
              [](const Policy& policy) { return duration_text(policy.repair.settle_deadline); }},
    PolicyKey{"repair", "lock_deadline",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.repair.lock_deadline, duration_of(entry, {0s, 10min}));
              },
              [](const Policy& policy) { return duration_text(policy.repair.lock_deadline); }},
    PolicyKey{"repair", "disruptors",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.repair.disruptors, services_of(entry, MayBeEmpty::yes));
              },
              [](const Policy& policy) { return toml_array(policy.repair.disruptors); }},
    PolicyKey{"limits", "repairs",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.limits.repairs, integer_within(entry, {1, 1000}));
              },
              [](const Policy& policy) { return fmt::to_string(policy.limits.repairs); }},
    PolicyKey{"limits", "per",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.limits.per, duration_of(entry, limit_bounds));
              },
              [](const Policy& policy) { return duration_text(policy.limits.per); }},
    PolicyKey{"limits", "backoff",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.limits.backoff, duration_of(entry, limit_bounds));
              },
              [](const Policy& policy) { return duration_text(policy.limits.backoff); }},
    PolicyKey{"limits", "backoff_max",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.limits.backoff_max, duration_of(entry, limit_bounds));
              },
              [](const Policy& policy) { return duration_text(policy.limits.backoff_max); }},
    PolicyKey{"report", "history_size",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.report.history_size, integer_within(entry, history_bounds));
              },
              [](const Policy& policy) { return fmt::to_string(policy.report.history_size); }},
    PolicyKey{"report", "textfile",
              [](Policy& policy, const TomlEntry& entry) { return assign(policy.report.textfile, textfile_of(entry)); },
              [](const Policy& policy) { return toml_string(policy.report.textfile); }},
    PolicyKey{"doctor", "conntrack_percent",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.doctor.conntrack_percent, integer_within(entry, {1, 95}));
              },
              [](const Policy& policy) { return fmt::to_string(policy.doctor.conntrack_percent); }},
    PolicyKey{"doctor", "rule_limit",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.doctor.rule_limit, integer_within(entry, {1, 10'000'000}));
              },
              [](const Policy& policy) { return fmt::to_string(policy.doctor.rule_limit); }},
    PolicyKey{"doctor", "sync_p99",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.doctor.sync_p99, duration_of(entry, {1ms, 16s}));
              },
              [](const Policy& policy) { return duration_text(policy.doctor.sync_p99); }},
    PolicyKey{"doctor", "sync_age",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.doctor.sync_age, duration_of(entry, {1s, 24h}));
              },
              [](const Policy& policy) { return duration_text(policy.doctor.sync_age); }},
    PolicyKey{"doctor", "lock_held",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.doctor.lock_held, duration_of(entry, {100ms, 24h}));
              },
              [](const Policy& policy) { return duration_text(policy.doctor.lock_held); }},
    PolicyKey{"doctor", "required_modules",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.doctor.required_modules, modules_of(entry));
              },
              [](const Policy& policy) { return toml_array(policy.doctor.required_modules); }},
};

}  // namespace

std::span<const PolicyKey> policy_keys()
{
    return keys;
}

std::vector<std::string_view> policy_sections()
{
    std::vector<std::string_view> sections;
    for (const auto& key : keys)
        if (std::ranges::find(sections, key.section) == sections.end())
            sections.push_back(key.section);
    return sections;
}

std::vector<std::string_view> policy_keys_of(std::string_view section)
{
    std::vector<std::string_view> names;
    for (const auto& key : keys)
        if (key.section == section)
            names.push_back(key.name);
    return names;
}

const PolicyKey* find_policy_key(std::string_view section, std::string_view name)
{
    const auto* const found =
        std::ranges::find_if(keys, [&](const PolicyKey& key) { return key.section == section && key.name == name; });
    return found == keys.end() ? nullptr : found;
}

}  // namespace chainkeeper::policies
