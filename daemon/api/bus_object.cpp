// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/bus_object.hpp"

#include "daemon/api/interface.hpp"
#include "repair/printable.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <limits>
#include <memory>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <utility>

namespace chainkeeper::daemon {

namespace {

// Between two tries to get the name that the bus's policy refuses us: the first time, and at the most.
constexpr std::chrono::microseconds first_name_interval = std::chrono::seconds{5};
constexpr std::chrono::microseconds last_name_interval = std::chrono::minutes{5};

struct EndTimer {
    void operator()(sd_event_source* timer) const noexcept { sd_event_source_disable_unref(timer); }
};

std::uint32_t count(std::size_t number)
{
    return static_cast<std::uint32_t>(std::min<std::size_t>(number, std::numeric_limits<std::uint32_t>::max()));
}

// What came of asking for the name; empty where it is ours.
std::string name_trouble(sd_bus_message& answer)
{
    const std::string name = bus_name::service;
    if (const auto* const error = sd_bus_message_get_error(&answer); error != nullptr)
        return fmt::format(
            "the system bus does not give us the name {}: {}; are D-Bus's policy files installed, and the "
            "bus reloaded since?",
            name, repair::printable(error->message == nullptr ? error->name : error->message));
    constexpr std::uint32_t is_owner = 1;
    constexpr std::uint32_t was_owner = 4;
    std::uint32_t result = 0;
    if (sd_bus_message_read(&answer, "u", &result) < 0)
        return fmt::format("the system bus gave no answer that makes sense about the name {}", name);
    if (result == is_owner || result == was_owner)
        return {};
    return fmt::format("another program owns the name {} on the system bus, and gets the commands of chainkeeper: "
                       "`busctl status {}` names it",
                       name, name);
}

}  // namespace

struct BusObject::Connection {
    sd_bus& bus;
    const std::function<void(const std::string&)>& trouble;
    const std::function<void(const std::string&)>& notice;
    Interface interface;
    BusSlot table{};
    BusSlot name{};
    std::unique_ptr<sd_event_source, EndTimer> again{};
    std::chrono::microseconds interval = first_name_interval;
    std::string told{};  // of the name that is not ours

    Connection(sd_bus& on, const Parts& parts) : bus{on}, trouble{parts.trouble}, notice{parts.notice}, interface {
        .requests = parts.requests, .clock = parts.clock, .authorisation = {on, parts.limits},
        .place = place_of_this_process(), .properties = properties_of(parts.requests.status())
    } {}

    int serve()
    {
        sd_bus_slot* slot = nullptr;
        const int result =
            sd_bus_add_object_vtable(&bus, &slot, bus_name::object, bus_name::interface, interface_table(), &interface);
        table.reset(slot);
        return result;
    }

    // Without a queue: a daemon that took over the name later would answer for a node that it does not keep.
    int ask_for_name()
    {
        sd_bus_slot* slot = nullptr;
        const int result = sd_bus_request_name_async(&bus, &slot, bus_name::service, 0, on_name, this);
        name.reset(slot);
        return result;
    }

    static int on_name(sd_bus_message* answer, void* connection, sd_bus_error* /*error*/) noexcept
    {
        auto& self = *static_cast<Connection*>(connection);
        const auto sentence = name_trouble(*answer);
        if (std::exchange(self.told, sentence) != sentence)
            self.tell(sentence);
        if (sd_bus_message_is_method_error(answer, SD_BUS_ERROR_ACCESS_DENIED) > 0)
            self.ask_again();
        return 0;
    }

    // Of the name; nothing is wrong with it where the sentence is empty.
    void tell(const std::string& sentence) const
    {
        if (sentence.empty())
            notice(fmt::format("the system bus has given us the name {} by now", bus_name::service));
        else
            trouble(sentence);
    }

    // What the policy files allow us is in force when the bus was reloaded, and had our user by then: a package that is
    // just being installed may come to both later.
    void ask_again() noexcept
    {
        sd_event_source* timer = nullptr;
        const int result = sd_event_add_time_relative(sd_bus_get_event(&bus), &timer, CLOCK_MONOTONIC,
                                                      static_cast<std::uint64_t>(interval.count()), 0, on_time, this);
        interval = std::min(2 * interval, last_name_interval);
        again.reset(timer);
        if (result < 0)
            trouble(repair::system_error("waiting to ask for the name on the system bus again", -result).what);
    }

    static int on_time(sd_event_source* /*timer*/, std::uint64_t /*usec*/, void* connection) noexcept
    {
        auto& self = *static_cast<Connection*>(connection);
        if (const int result = self.ask_for_name(); result < 0)
            self.trouble(repair::system_error("asking for the name on the system bus again", -result).what);
        return 0;
    }

    template <typename... Arguments>
    void emit(const char* signal, const char* types, Arguments... arguments)
    {
        const int result = sd_bus_emit_signal(&bus, bus_name::object, bus_name::interface, signal, types, arguments...);
        if (result < 0)
            trouble(repair::system_error(fmt::format("sending {} to the system bus", signal), -result).what);
    }
};

BusObject::BusObject(Parts parts) : parts_{std::move(parts)} {}

BusObject::~BusObject() = default;

repair::Result<void> BusObject::attach(sd_bus& bus)
{
    detach();
    connection_ = std::make_unique<Connection>(bus, parts_);
    int result = connection_->serve();
    if (result >= 0)
        result = connection_->ask_for_name();
    if (result >= 0)
        return {};
    detach();
    return tl::unexpected(repair::system_error("serving the system bus", -result));
}

void BusObject::detach()
{
    connection_.reset();
}

void BusObject::emit_flushed(const Burst& burst)
{
    if (!connection_)
        return;
    const auto culprit = burst.culprit();
    connection_->emit("Flushed", "ssuuuuu", repair::printable(culprit.unit).c_str(),
                      repair::printable(culprit.comm).c_str(), culprit.pid, count(burst.losses.tables),
                      count(burst.losses.chains), count(burst.losses.rules), count(burst.losses.entries));
}

void BusObject::emit_decided(repair::Family family, const policies::Decision& decision)
{
    if (connection_)
        connection_->emit("Decided", "ss", std::string{to_string(family)}.c_str(), to_string(decision).c_str());
}

void BusObject::emit_repaired(repair::Family family, const policies::Decision& decision, std::size_t steps,
                              bool verified)
{
    if (connection_)
        connection_->emit("Repaired", "ssub", std::string{to_string(family)}.c_str(), to_string(decision).c_str(),
                          count(steps), static_cast<int>(verified));
}

void BusObject::emit_properties_changed()
{
    if (!connection_)
        return;
    auto& shown = connection_->interface.properties;
    auto now = properties_of(parts_.requests.status());
    auto names = changed_names(shown, now);
    shown = std::move(now);
    if (names.empty())
        return;
    std::vector<char*> list;
    list.reserve(names.size() + 1);
    for (auto& name : names)
        list.push_back(name.data());
    list.push_back(nullptr);
    const int result =
        sd_bus_emit_properties_changed_strv(&connection_->bus, bus_name::object, bus_name::interface, list.data());
    if (result < 0)
        parts_.trouble(repair::system_error("telling the system bus what has changed", -result).what);
}

}  // namespace chainkeeper::daemon
