// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/time_zone.hpp"

#include "policies/text_file.hpp"
#include "policies/words.hpp"
#include "policies/zone_file.hpp"

#include <algorithm>
#include <date/tz.h>
#include <exception>
#include <fmt/format.h>
#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace chainkeeper::policies {

namespace {

constexpr std::string_view database = "/usr/share/zoneinfo";

// The library reads these two for leap seconds, whichever zone is wanted (date/tz.cpp, init_tzdb).
constexpr std::string_view always_read = "UTC";
constexpr std::string_view read_where_it_is = "right/UTC";

bool is_file(std::string_view directory, std::string_view name)
{
    return read_text_file(fmt::format("{}/{}", directory, name)).has_value();
}

std::optional<std::string> unfit_file(std::string_view directory, std::string_view name)
{
    const auto file = fmt::format("{}/{}", directory, name);
    const auto contents = read_text_file(file);
    if (!contents)
        return contents.error();
    if (const auto unfit = unfit_for_date_library(*contents))
        return fmt::format("the file {} {}", file, *unfit);
    return std::nullopt;
}

std::string unknown_zone(std::string_view name, const date::tzdb& known)
{
    std::vector<std::string_view> names;
    names.reserve(known.zones.size());
    for (const auto& zone : known.zones)
        names.push_back(zone.name());
    if (const auto near = nearest(name, names))
        return fmt::format("unknown time zone {}; did you mean '{}'?", quote(name), *near);
    return fmt::format(R"(unknown time zone {}: write a name such as "Europe/Berlin" or "UTC")", quote(name));
}

tl::expected<const date::time_zone*, std::string> read_zone(std::string_view name, const date::tzdb& known)
{
    const auto zone = std::ranges::find(known.zones, name, &date::time_zone::name);
    if (zone == known.zones.end())
        return tl::unexpected(unknown_zone(name, known));
    if (const auto unfit = unfit_file(database, name))
        return tl::unexpected(*unfit);
    static_cast<void>(zone->get_info(date::sys_seconds{}));  // reads the file, and keeps it
    return &*zone;
}

tl::expected<const date::time_zone*, std::string> find_zone(std::string_view name)
{
    if (const auto unfit = unfit_database(database))
        return tl::unexpected(*unfit);
    try {
        return read_zone(name, date::get_tzdb());
    } catch (const std::exception& error) {
        return tl::unexpected(fmt::format("the time zone {} cannot be read: {}", quote(name), error.what()));
    }
}

}  // namespace

std::optional<std::string> unfit_database(std::string_view directory)
{
    if (!is_file(directory, always_read))
        return R"(this system has no time zones: install the package tzdata, or write "UTC")";
    if (auto unfit = unfit_file(directory, always_read))
        return unfit;
    return is_file(directory, read_where_it_is) ? unfit_file(directory, read_where_it_is) : std::nullopt;
}

tl::expected<TimeZone, std::string> TimeZone::named(std::string_view name)
{
    static std::map<std::string, const date::time_zone*, std::less<>> read_before;
    if (name == "UTC")
        return TimeZone{};
    if (const auto before = read_before.find(name); before != read_before.end())
        return TimeZone{*before->second};
    return find_zone(name).map([&](const date::time_zone* zone) {
        read_before.emplace(name, zone);
        return TimeZone{*zone};
    });
}

std::chrono::local_days TimeZone::day_at(std::chrono::sys_seconds instant) const
{
    const auto offset = zone_ == nullptr ? std::chrono::seconds{} : zone_->get_info(instant).offset;
    return std::chrono::local_days{std::chrono::floor<std::chrono::days>(instant.time_since_epoch() + offset)};
}

std::chrono::sys_seconds TimeZone::first_instant_of(std::chrono::local_seconds wall) const
{
    if (zone_ == nullptr)
        return std::chrono::sys_seconds{wall.time_since_epoch()};
    return zone_->to_sys(date::local_seconds{wall.time_since_epoch()}, date::choose::earliest);
}

}  // namespace chainkeeper::policies
