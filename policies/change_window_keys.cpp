// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/change_window_keys.hpp"

#include "policies/change_window.hpp"
#include "policies/duration.hpp"
#include "policies/policy_values.hpp"
#include "policies/time_zone.hpp"
#include "policies/toml_read.hpp"
#include "policies/toml_text.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <iterator>

namespace chainkeeper::policies {

namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;
using std::chrono::weekday;

// All of them are gone through to find out what is open.
constexpr std::size_t most_windows = 64;

// By the number that C gives a weekday: from 0, which is Sunday.
constexpr std::array weekday_words{"Sun"sv, "Mon"sv, "Tue"sv, "Wed"sv, "Thu"sv, "Fri"sv, "Sat"sv};

Read<weekday> weekday_of(const Word& word)
{
    const auto* const found = std::ranges::find(weekday_words, word.text);
    if (found == weekday_words.end())
        return mistake(word.place, unknown_word("weekday", word.text, "", weekday_words));
    return weekday{static_cast<unsigned>(std::distance(weekday_words.begin(), found))};
}

Read<std::vector<weekday>> weekdays_of(const TomlEntry& entry)
{
    const auto words = words_of(entry, R"(an array such as ["Sat", "Sun"])", "a weekday");
    if (!words)
        return tl::unexpected(words.error());
    std::vector<weekday> days;
    days.reserve(words->size());
    for (const auto& word : *words) {
        const auto day = weekday_of(word);
        if (!day)
            return tl::unexpected(day.error());
        if (std::ranges::find(days, *day) != days.end())
            return mistake(word.place, fmt::format("{} stands here twice", quote(word.text)));
        days.push_back(*day);
    }
    if (days.empty())
        return mistake(entry.value.place, fmt::format("'{}' is empty: name at least one weekday", entry.key));
    return days;
}

std::string weekdays_text(const std::vector<weekday>& days)
{
    std::vector<std::string> words;
    words.reserve(days.size());
    for (const auto day : days)
        words.emplace_back(weekday_words.at(day.c_encoding()));
    return toml_array(words);
}

// Two digits; nothing where there are others.
std::optional<int> two_digits(std::string_view text)
{
    const auto is_digit = [](char character) { return character >= '0' && character <= '9'; };
    if (text.size() != 2 || !std::ranges::all_of(text, is_digit))
        return std::nullopt;
    return (text[0] - '0') * 10 + (text[1] - '0');
}

Read<std::chrono::minutes> time_of_day(const TomlEntry& entry)
{
    const auto word = string_of(entry, R"(a string such as "22:00")");
    if (!word)
        return tl::unexpected(word.error());
    const auto hours = two_digits(word->substr(0, 2));
    const auto minutes = word->size() == 5 && (*word)[2] == ':' ? two_digits(word->substr(3)) : std::nullopt;
    if (!hours || !minutes || *hours > 23 || *minutes > 59)
        return mistake(
            entry.value.place,
            fmt::format(R"({} is not a time of day: write it from "00:00" to "23:59", such as "07:30")", quote(*word)));
    return std::chrono::hours{*hours} + std::chrono::minutes{*minutes};
}

std::string time_of_day_text(std::chrono::minutes time)
{
    return toml_string(fmt::format("{:02}:{:02}", time / 1h, time.count() % 60));
}

Read<std::string> time_zone_of(const TomlEntry& entry)
{
    const auto word = string_of(entry, R"(a string such as "Europe/Berlin")");
    if (!word)
        return tl::unexpected(word.error());
    if (const auto zone = TimeZone::named(*word); !zone)
        return mistake(entry.value.place, zone.error());
    return std::string{*word};
}

constexpr std::array keys{
    ChangeWindowKey{
        "weekdays", true,
        [](ChangeWindow& window, const TomlEntry& entry) { return assign(window.weekdays, weekdays_of(entry)); },
        [](const ChangeWindow& window) { return weekdays_text(window.weekdays); }},
    ChangeWindowKey{
        "start", true,
        [](ChangeWindow& window, const TomlEntry& entry) { return assign(window.start, time_of_day(entry)); },
        [](const ChangeWindow& window) { return time_of_day_text(window.start); }},
    ChangeWindowKey{"duration", true,
                    [](ChangeWindow& window, const TomlEntry& entry) {
                        return assign(window.duration, duration_of(entry, {1min, longest_change_window}));
                    },
                    [](const ChangeWindow& window) { return toml_string(to_string(window.duration)); }},
    ChangeWindowKey{
        "time_zone", false,
        [](ChangeWindow& window, const TomlEntry& entry) { return assign(window.time_zone, time_zone_of(entry)); },
        [](const ChangeWindow& window) { return toml_string(window.time_zone); }},
};

Read<void> read_key(ChangeWindow& window, const TomlEntry& entry)
{
    const auto* const key = std::ranges::find(keys, entry.key, &ChangeWindowKey::name);
    if (key == keys.end())
        return mistake(entry.place, unknown_word("key", entry.key, " in [[change_window]]", change_window_key_names()));
    return key->set(window, entry);
}

Read<ChangeWindow> change_window_of(const TomlValue& table)
{
    ChangeWindow window;
    for (const auto& entry : *table.table())
        if (const auto read = read_key(window, entry); !read)
            return tl::unexpected(read.error());
    for (const auto& key : keys)
        if (key.required && table.find(key.name) == nullptr)
            return mistake(table.place, fmt::format("'{}' is missing in this [[change_window]]", key.name));
    return window;
}

}  // namespace

std::span<const ChangeWindowKey> change_window_keys()
{
    return keys;
}

std::vector<std::string_view> change_window_key_names()
{
    std::vector<std::string_view> names;
    names.reserve(keys.size());
    for (const auto& key : keys)
        names.push_back(key.name);
    return names;
}

Read<std::vector<ChangeWindow>> change_windows_of(const TomlEntry& section)
{
    const auto tables = tables_in(section, "there can be several change windows: write [[change_window]]");
    if (!tables)
        return tl::unexpected(tables.error());
    if (tables->size() > most_windows)
        return mistake(section.place,
                       fmt::format("there are {} change windows here; {} are the most", tables->size(), most_windows));
    std::vector<ChangeWindow> windows;
    windows.reserve(tables->size());
    for (const auto* table : *tables) {
        auto window = change_window_of(*table);
        if (!window)
            return tl::unexpected(std::move(window.error()));
        windows.push_back(*std::move(window));
    }
    return windows;
}

}  // namespace chainkeeper::policies
