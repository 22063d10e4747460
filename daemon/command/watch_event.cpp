// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/watch_event.hpp"

#include "daemon/api/names.hpp"
#include "daemon/command/incident_text.hpp"
#include "daemon/command/screen.hpp"
#include "daemon/utc_time.hpp"

#include <fmt/format.h>
#include <string_view>
#include <systemd/sd-bus.h>

namespace chainkeeper::daemon {

namespace {

using nlohmann::json;
using Events = std::vector<WatchEvent>;

Events flushed(sd_bus_message& signal)
{
    const char* unit = nullptr;
    const char* comm = nullptr;
    std::uint32_t pid = 0;
    std::uint32_t tables = 0;
    std::uint32_t chains = 0;
    std::uint32_t rules = 0;
    std::uint32_t entries = 0;
    if (sd_bus_message_read(&signal, "ssuuuuu", &unit, &comm, &pid, &tables, &chains, &rules, &entries) <= 0)
        return {};
    const json incident{{"event", "flushed"},
                        {"culprit", {{"unit", unit}, {"comm", comm}, {"pid", pid}}},
                        {"lost", {{"tables", tables}, {"chains", chains}, {"rules", rules}, {"entries", entries}}}};
    return {{.text = flush_line(incident), .json = incident}};
}

Events decided(sd_bus_message& signal)
{
    const char* family = nullptr;
    const char* decision = nullptr;
    if (sd_bus_message_read(&signal, "ss", &family, &decision) <= 0)
        return {};
    return {{.text = fmt::format("{}: {}", family, decision),
             .json = {{"event", "decided"}, {"family", family}, {"decision", decision}}}};
}

Events repaired(sd_bus_message& signal)
{
    const char* family = nullptr;
    const char* decision = nullptr;
    std::uint32_t steps = 0;
    int verified = 0;
    if (sd_bus_message_read(&signal, "ssub", &family, &decision, &steps, &verified) <= 0)
        return {};
    const auto* const how = verified != 0 ? "verified" : "and it is NOT there any more";
    return {{.text = fmt::format("{}: repaired, {}, {}", family, counted(steps, "step"), how),
             .json = {{"event", "repaired"},
                      {"family", family},
                      {"decision", decision},
                      {"steps", steps},
                      {"verified", verified != 0}}}};
}

void add_text_property(sd_bus_message& signal, const char* event, Events& events)
{
    const char* value = nullptr;
    if (sd_bus_message_read(&signal, "v", "s", &value) > 0)
        events.push_back({.text = fmt::format("{}: {}", event, *value == '\0' ? "not known" : value),
                          .json = {{"event", event}, {"value", value}}});
}

void add_hold(sd_bus_message& signal, Events& events)
{
    std::uint64_t until = 0;
    const char* reason = nullptr;
    int stop = 0;
    const char* login = nullptr;
    if (sd_bus_message_read(&signal, "v", "(tsbs)", &until, &reason, &stop, &login) <= 0)
        return;
    if (until == 0) {
        events.push_back({.text = "no longer held", .json = {{"event", "released"}}});
        return;
    }
    const auto when = utc_text(policies::WallTime{std::chrono::microseconds{until}});
    events.push_back(
        {.text = fmt::format("held until {}, by {}: {}", clock_text(when), login, reason),
         .json = {{"event", "held"}, {"until", when}, {"reason", reason}, {"stop", stop != 0}, {"login", login}}});
}

// One "{sv}" of the properties.
void add_property(sd_bus_message& signal, Events& events)
{
    const char* name = nullptr;
    if (sd_bus_message_read(&signal, "s", &name) <= 0)
        return;
    const std::string_view property{name};
    if (property == "State")
        add_text_property(signal, "state", events);
    else if (property == "Mode")
        add_text_property(signal, "mode", events);
    else if (property == "Backend")
        add_text_property(signal, "backend", events);
    else if (property == "Hold")
        add_hold(signal, events);
    else
        sd_bus_message_skip(&signal, "v");
}

Events properties_changed(sd_bus_message& signal)
{
    Events events;
    const char* interface = nullptr;
    if (sd_bus_message_read(&signal, "s", &interface) <= 0 || std::string_view{interface} != bus_name::interface ||
        sd_bus_message_enter_container(&signal, SD_BUS_TYPE_ARRAY, "{sv}") <= 0)
        return {};
    while (sd_bus_message_enter_container(&signal, SD_BUS_TYPE_DICT_ENTRY, "sv") > 0) {
        add_property(signal, events);
        // Where the value was of another type than it should be, nothing of the rest can be read either.
        if (sd_bus_message_exit_container(&signal) < 0)
            break;
    }
    return events;
}

}  // namespace

std::vector<WatchEvent> watch_events_of(sd_bus_message& signal)
{
    const auto is = [&](const char* interface, const char* member) {
        return sd_bus_message_is_signal(&signal, interface, member) > 0;
    };
    if (is(bus_name::interface, "Flushed"))
        return flushed(signal);
    if (is(bus_name::interface, "Decided"))
        return decided(signal);
    if (is(bus_name::interface, "Repaired"))
        return repaired(signal);
    if (is("org.freedesktop.DBus.Properties", "PropertiesChanged"))
        return properties_changed(signal);
    return {};
}

}  // namespace chainkeeper::daemon
