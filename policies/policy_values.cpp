// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/policy_values.hpp"

#include "policies/duration.hpp"
#include "policies/profile.hpp"
#include "policies/toml_read.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <optional>

namespace chainkeeper::policies {

namespace {

using namespace std::string_view_literals;

// Each is asked for by name, and its jobs are watched.
constexpr std::size_t most_services = 64;

constexpr std::size_t most_modules = 64;
// The kernel's MODULE_NAME_LEN, where a pointer has 8 bytes, is 56 (linux/module.h).
constexpr std::size_t longest_module_name = 64;

constexpr std::string_view service_suffix = ".service";
// systemd's UNIT_NAME_MAX, less the zero at the end (src/basic/unit-name.h); with the suffix.
constexpr std::size_t longest_unit_name = 255;
constexpr std::array other_unit_types{".socket"sv, ".device"sv, ".mount"sv, ".automount"sv, ".swap"sv,
                                      ".target"sv, ".path"sv,   ".timer"sv, ".slice"sv,     ".scope"sv};

Read<Duration> within(const TomlEntry& entry, Duration duration, Bounds bounds)
{
    if (duration >= bounds.least && duration <= bounds.most)
        return duration;
    return mistake(entry.value.place,
                   fmt::format("'{}' must be from {} to {}, not {}", entry.key, to_string(bounds.least),
                               to_string(bounds.most), to_string(duration)));
}

bool is_alphanumeric(char character)
{
    return (character >= '0' && character <= '9') || (character >= 'a' && character <= 'z') ||
           (character >= 'A' && character <= 'Z');
}

// A policy file holds nothing else outside of its comments.
bool is_printable_ascii(char character)
{
    return character >= ' ' && character <= '~';
}

// systemd's VALID_CHARS and "@" (src/basic/unit-name.c).
bool belongs_in_unit_name(char character)
{
    return is_alphanumeric(character) || R"(:-_.\@)"sv.find(character) != std::string_view::npos;
}

// Why `name`, without ".service", names no service that could run; nothing when it does.
std::optional<std::string> unfit_service(std::string_view name)
{
    if (name.empty())
        return R"(a unit's name is missing here: write the name of a service, such as "iptables")";
    if (name.size() + service_suffix.size() > longest_unit_name)
        return fmt::format("{} is longer than the name of a unit can be", quote(name));
    if (!std::ranges::all_of(name, belongs_in_unit_name))
        return fmt::format(R"({} is not the name of a unit: these have letters, digits and :-_.\@ only)", quote(name));
    if (std::ranges::any_of(other_unit_types, [&](std::string_view type) { return name.ends_with(type); }))
        return fmt::format("{} is not a service", quote(name));
    if (name.starts_with('@') || name.ends_with('@'))
        return fmt::format(R"({} is no service that can run: write template and instance, such as "kubelet@one")",
                           quote(name));
    return std::nullopt;
}

std::string_view without_suffix(std::string_view name)
{
    if (name.ends_with(service_suffix))
        name.remove_suffix(service_suffix.size());
    return name;
}

Read<std::string> new_service_of(const Word& word, const std::vector<std::string>& before)
{
    const auto name = without_suffix(word.text);
    if (const auto unfit = unfit_service(name))
        return mistake(word.place, *unfit);
    if (std::ranges::find(before, name) != before.end())
        return mistake(word.place, fmt::format("{} stands here twice", quote(word.text)));
    return std::string{name};
}

// `new_name` is given those before it.
template <typename NewName>
Read<std::vector<std::string>> each_of(const std::vector<Word>& words, NewName new_name)
{
    std::vector<std::string> names;
    names.reserve(words.size());
    for (const auto& word : words) {
        auto name = new_name(word, names);
        if (!name)
            return tl::unexpected(std::move(name.error()));
        names.push_back(*std::move(name));
    }
    return names;
}

Read<std::string> new_module_of(const Word& word, const std::vector<std::string>& before)
{
    const auto belongs = [](char character) {
        return is_alphanumeric(character) || character == '-' || character == '_';
    };
    if (word.text.empty() || word.text.size() > longest_module_name || !std::ranges::all_of(word.text, belongs))
        return mistake(
            word.place,
            fmt::format(R"({} is not the name of a module: these have letters, digits, "-" and "_" only, {} )"
                        "at the most",
                        quote(word.text), longest_module_name));
    std::string name{word.text};
    std::ranges::replace(name, '-', '_');
    if (std::ranges::find(before, name) != before.end())
        return mistake(word.place, fmt::format("{} stands here twice", quote(word.text)));
    return name;
}

}  // namespace

Read<Duration> duration_of(const TomlEntry& entry, Bounds bounds)
{
    const auto word = string_of(entry, R"(a string with a unit, such as "250ms" or "10s")");
    if (!word)
        return tl::unexpected(word.error());
    const auto duration = duration_from_string(*word);
    if (!duration)
        return mistake(entry.value.place, duration.error());
    return within(entry, *duration, bounds);
}

Read<std::int64_t> integer_within(const TomlEntry& entry, IntegerBounds bounds)
{
    const auto wanted = fmt::format("an integer from {} to {}", bounds.least, bounds.most);
    auto integer = integer_of(entry, wanted);
    if (!integer || (*integer >= bounds.least && *integer <= bounds.most))
        return integer;
    return mistake(entry.value.place, fmt::format("'{}' must be {}, not {}", entry.key, wanted, *integer));
}

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

Read<std::string> textfile_of(const TomlEntry& entry)
{
    constexpr auto wanted =
        R"("", or the absolute path, in ASCII, of a file such as "/run/chainkeeper/chainkeeper.prom")";
    const auto word = string_of(entry, wanted);
    if (!word)
        return tl::unexpected(word.error());
    const bool is_textfile = word->starts_with('/') && word->ends_with(".prom") && !word->ends_with("/.prom") &&
                             word->find("/../") == std::string_view::npos &&
                             std::ranges::all_of(*word, is_printable_ascii);
    if (!word->empty() && !is_textfile)
        return mistake(entry.value.place, fmt::format("'{}' must be {}, not {}", entry.key, wanted, quote(*word)));
    return std::string{*word};
}

Read<std::vector<std::string>> services_of(const TomlEntry& entry, MayBeEmpty may_be_empty)
{
    const auto words = words_of(entry, R"(an array of names, such as ["iptables", "ufw"])", "the name of a unit");
    if (!words)
        return tl::unexpected(words.error());
    if (words->empty() && may_be_empty == MayBeEmpty::no)
        return mistake(entry.value.place, fmt::format("'{}' is empty: name at least one unit", entry.key));
    if (words->size() > most_services)
        return mistake(entry.value.place,
                       fmt::format("'{}' names {} units; {} are the most", entry.key, words->size(), most_services));
    return each_of(*words, new_service_of);
}

Read<std::vector<std::string>> modules_of(const TomlEntry& entry)
{
    const auto words = words_of(entry, R"(an array of names, such as ["ip_vs", "ip_vs_rr"])", "the name of a module");
    if (!words)
        return tl::unexpected(words.error());
    if (words->size() > most_modules)
        return mistake(entry.value.place,
                       fmt::format("'{}' names {} modules; {} are the most", entry.key, words->size(), most_modules));
    return each_of(*words, new_module_of);
}

}  // namespace chainkeeper::policies
