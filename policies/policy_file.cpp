// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/policy_file.hpp"

#include "policies/change_window_keys.hpp"
#include "policies/duration.hpp"
#include "policies/policy_keys.hpp"
#include "policies/text_file.hpp"
#include "policies/toml_read.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace chainkeeper::policies {

namespace {

using std::filesystem::path;

// What is read on: the text of `file` goes into `draft`, over what the files before it have.
struct Reading {
    SourcedPolicy& draft;
    std::string_view file;

    void note(std::string_view section, std::string_view key, Place place)
    {
        draft.written.push_back({section, key, std::string{file}, place});
    }
};

// As a section is headed in the file.
std::string heading(std::string_view section)
{
    return section == change_window_section ? fmt::format("[[{}]]", section) : fmt::format("[{}]", section);
}

// The section that a key belongs in; nothing for an unknown key.
std::optional<std::string_view> section_with(std::string_view key)
{
    for (const auto& known : policy_keys())
        if (known.name == key)
            return known.section;
    for (const auto& known : change_window_keys())
        if (known.name == key)
            return change_window_section;
    return std::nullopt;
}

std::vector<std::string_view> all_sections()
{
    auto sections = policy_sections();
    sections.push_back(change_window_section);
    return sections;
}

// A key of another section is told where it belongs.
std::string unknown_key(const TomlEntry& key, std::string_view section)
{
    if (const auto owner = section_with(key.key))
        return fmt::format("{} belongs in {}, not in {}", quote(key.key), heading(*owner), heading(section));
    return unknown_word("key", key.key, fmt::format(" in {}", heading(section)), policy_keys_of(section));
}

// Written as [section] or [[section]], or in a way that comes to the same.
bool is_headed(const TomlValue& value)
{
    const auto* elements = value.array();
    return value.table() != nullptr ||
           (elements != nullptr && !elements->empty() && elements->front().table() != nullptr);
}

std::string unknown_section(const TomlEntry& section)
{
    const auto known = all_sections();
    if (is_headed(section.value))
        return unknown_word("section", section.key, "", known);
    if (const auto owner = section_with(section.key))
        return fmt::format("{} belongs in a section: write it under {}", quote(section.key), heading(*owner));
    return unknown_word("key", section.key, " outside of a section", known);
}

bool is_section(std::string_view name)
{
    return !policy_keys_of(name).empty();
}

Read<void> read_key(Reading& reading, std::string_view section, const TomlEntry& entry)
{
    const auto* key = find_policy_key(section, entry.key);
    if (key == nullptr)
        return mistake(entry.place, unknown_key(entry, section));
    reading.note(key->section, key->name, entry.place);
    return key->set(reading.draft.policy, entry);
}

Read<void> read_change_windows(Reading& reading, const TomlEntry& section)
{
    auto windows = change_windows_of(section);
    if (!windows)
        return tl::unexpected(std::move(windows.error()));
    std::erase_if(reading.draft.written, [](const Written& each) { return each.section == change_window_section; });
    for (const auto& window : *section.value.array())
        reading.note(change_window_section, "", window.place);
    reading.draft.policy.change_windows = *std::move(windows);
    return {};
}

Read<void> read_section(Reading& reading, const TomlEntry& section)
{
    if (section.key == change_window_section)
        return read_change_windows(reading, section);
    if (!is_section(section.key))
        return mistake(section.place, unknown_section(section));
    if (section.value.table() == nullptr)
        return mistake(section.place, fmt::format("'{0}' is a section: write [{0}] on a line of its own", section.key));
    for (const auto& entry : *section.value.table())
        if (auto read = read_key(reading, section.key, entry); !read)
            return read;
    return {};
}

Read<void> read_sections(Reading& reading, const TomlValue& root)
{
    for (const auto& section : *root.table())
        if (auto read = read_section(reading, section); !read)
            return read;
    return {};
}

tl::expected<void, PolicyError> read_text(SourcedPolicy& draft, std::string_view text, std::string_view file)
{
    Reading reading{draft, file};
    return parse_toml(text)
        .and_then([&](const TomlValue& root) { return read_sections(reading, root); })
        .map_error([&](const Mistake& mistake) { return PolicyError{to_string(file, mistake)}; });
}

// Two durations of a section, the first of which must not be shorter than the second.
struct Order {
    std::string_view section;
    std::string_view longer;
    Duration longer_value;
    std::string_view shorter;
    Duration shorter_value;
};

std::array<Order, 2> orders_of(const Policy& policy)
{
    return {Order{"repair", "settle_deadline", policy.repair.settle_deadline, "settle", policy.repair.settle},
            Order{"limits", "backoff_max", policy.limits.backoff_max, "backoff", policy.limits.backoff}};
}

// Where the later of the two keys was written. At least one was: the defaults agree with each other.
std::string last_place_of(const SourcedPolicy& draft, const Order& order)
{
    const auto found = std::find_if(draft.written.rbegin(), draft.written.rend(), [&](const Written& each) {
        return each.section == order.section && (each.key == order.longer || each.key == order.shorter);
    });
    return found == draft.written.rend() ? std::string{} : to_string(found->file, found->place);
}

// What no single key can be refused for.
tl::expected<SourcedPolicy, PolicyError> validated(SourcedPolicy draft)
{
    for (const auto& order : orders_of(draft.policy))
        if (order.longer_value < order.shorter_value)
            return tl::unexpected(PolicyError{fmt::format(
                "{}: '{}' ({}) must not be shorter than '{}' ({})", last_place_of(draft, order), order.longer,
                to_string(order.longer_value), order.shorter, to_string(order.shorter_value))});
    return draft;
}

PolicyError unreadable(const path& directory, std::string_view reason)
{
    return {fmt::format("{}: cannot be read: {}", directory.string(), reason)};
}

tl::expected<std::vector<path>, PolicyError> drop_ins_of(const path& directory)
{
    std::vector<path> files;
    std::error_code error;
    std::filesystem::directory_iterator entry{directory, error};
    if (error == std::errc::no_such_file_or_directory)
        return files;
    for (; !error && entry != std::filesystem::directory_iterator{}; entry.increment(error))
        if (is_drop_in(entry->path()))
            files.push_back(entry->path());
    if (error)
        return tl::unexpected(unreadable(directory, error.message()));
    std::ranges::sort(files);
    return files;
}

tl::expected<std::vector<path>, PolicyError> files_of(const path& main_file)
{
    auto directory = main_file;
    directory += ".d";
    auto files = drop_ins_of(directory);
    if (files)
        files->insert(files->begin(), main_file);
    return files;
}

tl::expected<void, PolicyError> read_file(PolicyTexts& texts, const path& file)
{
    return read_text_file(file)
        .map_error([](std::string what) { return PolicyError{std::move(what)}; })
        .and_then([&](std::string text) { return texts.add({.text = std::move(text), .name = file.string()}); });
}

tl::expected<SourcedPolicy, PolicyError> parse_sourced(const PolicyTexts& texts)
{
    SourcedPolicy draft;
    for (const auto& [text, name] : texts.all())
        if (const auto read = read_text(draft, text, name); !read)
            return tl::unexpected(read.error());
    return validated(std::move(draft));
}

}  // namespace

tl::expected<void, PolicyError> PolicyTexts::add(PolicyText text)
{
    size_ += text.text.size();
    if (size_ > most)
        return tl::unexpected(
            PolicyError{fmt::format("{}: with it the policy is larger than {} KiB", text.name, most >> 10U)});
    texts_.push_back(std::move(text));
    return {};
}

bool is_drop_in(const path& file)
{
    const auto name = file.filename().string();
    return name.ends_with(".toml") && !name.starts_with('.');
}

const Written* SourcedPolicy::find(std::string_view section, std::string_view key) const
{
    const auto found = std::find_if(written.rbegin(), written.rend(),
                                    [&](const Written& each) { return each.section == section && each.key == key; });
    return found == written.rend() ? nullptr : &*found;
}

tl::expected<SourcedPolicy, PolicyError> load_sourced_policy(const path& path)
{
    const auto files = files_of(path);
    if (!files)
        return tl::unexpected(files.error());
    PolicyTexts texts;
    for (const auto& file : *files)
        if (const auto read = read_file(texts, file); !read)
            return tl::unexpected(read.error());
    return parse_sourced(texts);
}

tl::expected<Policy, PolicyError> load_policy(const path& path)
{
    return load_sourced_policy(path).map([](SourcedPolicy&& loaded) { return std::move(loaded.policy); });
}

tl::expected<Policy, PolicyError> parse_policy(const PolicyTexts& texts)
{
    return parse_sourced(texts).map([](SourcedPolicy&& parsed) { return std::move(parsed.policy); });
}

tl::expected<SourcedPolicy, PolicyError> parse_sourced_policy(std::string_view text, std::string_view name)
{
    SourcedPolicy draft;
    if (const auto read = read_text(draft, text, name); !read)
        return tl::unexpected(read.error());
    return validated(std::move(draft));
}

tl::expected<Policy, PolicyError> parse_policy(std::string_view text, std::string_view name)
{
    return parse_sourced_policy(text, name).map([](SourcedPolicy&& parsed) { return std::move(parsed.policy); });
}

}  // namespace chainkeeper::policies
