// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/policy_keys.hpp"

#include "policies/duration.hpp"
#include "policies/profile.hpp"
#include "policies/toml_read.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

namespace chainkeeper::policies {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view duration_words = R"(a string with a unit, such as "250ms" or "10s")";

// What a duration may sensibly be.
struct Bounds {
    Duration least;
    Duration most;
};

template <typename T>
Read<void> assign(T& field, Read<T> value)
{
    if (!value)
        return tl::unexpected(std::move(value.error()));
    field = std::move(*value);
    return {};
}

Read<Duration> within(const TomlEntry& entry, Duration duration, Bounds bounds)
{
    if (duration >= bounds.least && duration <= bounds.most)
        return duration;
    return mistake(entry.value.place,
                   fmt::format("'{}' must be from {} to {}, not {}", entry.key, to_string(bounds.least),
                               to_string(bounds.most), to_string(duration)));
}

Read<Duration> duration_of(const TomlEntry& entry, Bounds bounds)
{
    const auto word = string_of(entry, duration_words);
    if (!word)
        return tl::unexpected(word.error());
    const auto duration = duration_from_string(*word);
    if (!duration)
        return mistake(entry.value.place, duration.error());
    return within(entry, *duration, bounds);
}

template <typename Choices>
Read<typename Choices::value_type> choice_in(const TomlEntry& entry, const Choices& all)
{
    return string_of(entry).and_then([&](std::string_view word) { return choice_of(word, entry.value.place, all); });
}

// A version for which there is a profile, as it is written.
Read<std::string> version_of(const TomlEntry& entry)
{
    const auto word = string_of(entry, R"("auto", or a string such as "1.27")");
    if (!word)
        return tl::unexpected(word.error());
    const auto profile = profile_named(*word);
    if (!profile)
        return mistake(entry.value.place, profile.error());
    return std::string{*word};
}

constexpr std::array keys{
    PolicyKey{"guard", "families",
              [](Policy& policy, const TomlEntry& entry) { return assign(policy.guard.families, families_of(entry)); }},
    PolicyKey{"guard", "backend",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.guard.backend, choice_in(entry, all_backend_choices));
              }},
    PolicyKey{"kubelet", "version",
              [](Policy& policy, const TomlEntry& entry) { return assign(policy.kubelet.version, version_of(entry)); }},
    PolicyKey{"kubelet", "monitor_interval",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.kubelet.monitor_interval, duration_of(entry, {100ms, 1h}));
              }},
    PolicyKey{"kubelet", "init_grace",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.kubelet.init_grace, duration_of(entry, {0s, 1h}));
              }},
    PolicyKey{
        "repair", "mode",
        [](Policy& policy, const TomlEntry& entry) { return assign(policy.repair.mode, choice_in(entry, all_modes)); }},
    PolicyKey{"repair", "on_damage",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.repair.on_damage, choice_in(entry, all_on_damage));
              }},
    PolicyKey{"repair", "settle",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.repair.settle, duration_of(entry, {0s, 1min}));
              }},
    PolicyKey{"repair", "settle_deadline",
              [](Policy& policy, const TomlEntry& entry) {
                  return assign(policy.repair.settle_deadline, duration_of(entry, {0s, 10min}));
              }},
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
