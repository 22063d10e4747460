// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/unit_history.hpp"

#include "daemon/bus/system_bus.hpp"
#include "daemon/bus/unit_name.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fmt/format.h>
#include <limits>
#include <memory>
#include <string_view>
#include <systemd/sd-bus.h>

namespace chainkeeper::daemon {

namespace {

constexpr const char* systemd = "org.freedesktop.systemd1";
constexpr const char* unit_interface = "org.freedesktop.systemd1.Unit";
constexpr std::uint64_t patience = 2'000'000;  // µs

std::string doing(const std::string& unit)
{
    return fmt::format("asking systemd of {}", unit);
}

struct FreeText {
    void operator()(char* text) const noexcept { std::free(text); }  // NOLINT(cppcoreguidelines-no-malloc): sd-bus'
};

// CLOCK_REALTIME in µs; 0 is never.
std::optional<policies::WallTime> wall_time(std::uint64_t microseconds)
{
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() / 1000);
    if (microseconds == 0 || microseconds > most)
        return std::nullopt;
    return policies::WallTime{std::chrono::microseconds{microseconds}};
}

bool is_at_work(std::string_view active_state)
{
    constexpr std::array<std::string_view, 5> states{"active", "activating", "reloading", "refreshing", "deactivating"};
    return std::ranges::find(states, active_state) != states.end();
}

}  // namespace

repair::Result<std::optional<UnitHistories>> UnitHistories::open()
{
    if (!system_bus_address())
        return std::nullopt;
    sd_bus* opened = nullptr;
    int result = sd_bus_open_system(&opened);
    BusConnection bus{opened};
    if (result >= 0)
        result = sd_bus_set_method_call_timeout(opened, patience);
    if (result < 0)
        return tl::unexpected(bus_error("opening the system bus", result));
    return UnitHistories{std::move(bus)};
}

repair::Result<UnitHistory> UnitHistories::of(const std::string& unit) const
{
    const auto load_state = text(unit, "LoadState");
    if (!load_state)
        return tl::unexpected(load_state.error());
    if (*load_state == "not-found")
        return UnitHistory{};
    const auto enablement = text(unit, "UnitFileState");
    const auto active_state = text(unit, "ActiveState");
    auto last_ran = unit.ends_with(".timer") ? time(unit, "org.freedesktop.systemd1.Timer", "LastTriggerUSec")
                                             : time(unit, unit_interface, "StateChangeTimestamp");
    if (!enablement || !active_state || !last_ran)
        return tl::unexpected(!enablement     ? enablement.error()
                              : !active_state ? active_state.error()
                                              : last_ran.error());
    return UnitHistory{
        .exists = true, .enablement = *enablement, .active = is_at_work(*active_state), .last_ran = *last_ran};
}

repair::Result<std::string> UnitHistories::text(const std::string& unit, const char* name) const
{
    char* value = nullptr;
    const int result = sd_bus_get_property_string(bus_.get(), systemd, unit_object_path(unit).c_str(), unit_interface,
                                                  name, nullptr, &value);
    const std::unique_ptr<char, FreeText> owned{value};
    if (result < 0)
        return tl::unexpected(bus_error(doing(unit), result));
    return std::string{value};
}

repair::Result<std::optional<policies::WallTime>> UnitHistories::time(const std::string& unit, const char* interface,
                                                                      const char* name) const
{
    std::uint64_t value = 0;
    const int result = sd_bus_get_property_trivial(bus_.get(), systemd, unit_object_path(unit).c_str(), interface, name,
                                                   nullptr, 't', &value);
    if (result < 0)
        return tl::unexpected(bus_error(doing(unit), result));
    return wall_time(value);
}

}  // namespace chainkeeper::daemon
