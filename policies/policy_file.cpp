// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/policy_file.hpp"

#include "policies/duration.hpp"
#include "policies/policy_keys.hpp"
#include "policies/text_file.hpp"
#include "policies/toml_read.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <system_error>
#include <utility>
#include <vector>

namespace chainkeeper::policies {

namespace {

using std::filesystem::path;

struct Written {
    const PolicyKey* key;
    std::string place;
};

// The policy as the files that were read so far have it, and what was written where, the latest last.
struct Draft {
    Policy policy;
    std::vector<Written> written;
};

// Words that end the refusal of `key`: a key of another section is told where it belongs.
std::string unknown_key(const TomlEntry& key, std::string_view section)
{
    for (const auto& known : policy_keys())
        if (known.name == key.key)
            return fmt::format("{} belongs in [{}], not in [{}]", quote(key.key), known.section, section);
    return unknown_word("key", key.key, fmt::format(" in [{}]", section), policy_keys_of(section));
}

std::string unknown_section(const TomlEntry& section)
{
    if (section.value.table() != nullptr)
        return unknown_word("section", section.key, "", policy_sections());
    for (const auto& known : policy_keys())
        if (known.name == section.key)
            return fmt::format("{} belongs in a section: write it under [{}]", quote(section.key), known.section);
    return unknown_word("key", section.key, " outside of a section", policy_sections());
}

bool is_section(std::string_view name)
{
    return !policy_keys_of(name).empty();
}

Read<void> read_key(Draft& draft, std::string_view section, const TomlEntry& entry, std::string_view file)
{
    const auto* key = find_policy_key(section, entry.key);
    if (key == nullptr)
        return mistake(entry.place, unknown_key(entry, section));
    draft.written.push_back({key, to_string(file, entry.place)});
    return key->set(draft.policy, entry);
}

Read<void> read_section(Draft& draft, const TomlEntry& section, std::string_view file)
{
    if (!is_section(section.key))
        return mistake(section.place, unknown_section(section));
    if (section.value.table() == nullptr)
        return mistake(section.place, fmt::format("'{0}' is a section: write [{0}] on a line of its own", section.key));
    for (const auto& entry : *section.value.table())
        if (auto read = read_key(draft, section.key, entry, file); !read)
            return read;
    return {};
}

Read<void> read_sections(Draft& draft, const TomlValue& root, std::string_view file)
{
    for (const auto& section : *root.table())
        if (auto read = read_section(draft, section, file); !read)
            return read;
    return {};
}

tl::expected<void, PolicyError> read_text(Draft& draft, std::string_view text, std::string_view file)
{
    return parse_toml(text)
        .and_then([&](const TomlValue& root) { return read_sections(draft, root, file); })
        .map_error([&](const Mistake& mistake) { return PolicyError{to_string(file, mistake)}; });
}

// Where the later of the two keys was written. At least one was: the defaults agree with each other.
std::string last_place_of(const Draft& draft, std::string_view one, std::string_view other)
{
    const auto found = std::find_if(draft.written.rbegin(), draft.written.rend(), [&](const Written& each) {
        return each.key->name == one || each.key->name == other;
    });
    return found == draft.written.rend() ? std::string{} : found->place;
}

// What no single key can be refused for.
tl::expected<Policy, PolicyError> validated(const Draft& draft)
{
    const auto& repair = draft.policy.repair;
    if (repair.settle_deadline < repair.settle)
        return tl::unexpected(
            PolicyError{fmt::format("{}: 'settle_deadline' ({}) must not be shorter than 'settle' ({})",
                                    last_place_of(draft, "settle", "settle_deadline"),
                                    to_string(repair.settle_deadline), to_string(repair.settle))});
    return draft.policy;
}

PolicyError unreadable(const path& directory, std::string_view reason)
{
    return {fmt::format("{}: cannot be read: {}", directory.string(), reason)};
}

bool is_drop_in(const path& file)
{
    const auto name = file.filename().string();
    return name.ends_with(".toml") && !name.starts_with('.');
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

tl::expected<void, PolicyError> read_file(Draft& draft, const path& file)
{
    return read_text_file(file)
        .map_error([](std::string what) { return PolicyError{std::move(what)}; })
        .and_then([&](const std::string& text) { return read_text(draft, text, file.string()); });
}

}  // namespace

tl::expected<Policy, PolicyError> load_policy(const path& path)
{
    const auto files = files_of(path);
    if (!files)
        return tl::unexpected(files.error());
    Draft draft;
    for (const auto& file : *files)
        if (const auto read = read_file(draft, file); !read)
            return tl::unexpected(read.error());
    return validated(draft);
}

tl::expected<Policy, PolicyError> parse_policy(std::string_view text, std::string_view name)
{
    Draft draft;
    if (const auto read = read_text(draft, text, name); !read)
        return tl::unexpected(read.error());
    return validated(draft);
}

}  // namespace chainkeeper::policies
