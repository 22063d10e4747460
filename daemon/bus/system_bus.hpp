// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/bus/backoff.hpp"
#include "daemon/bus/bus_object.hpp"
#include "daemon/clock.hpp"
#include "daemon/event_loop.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace chainkeeper::daemon {

// $DBUS_SYSTEM_BUS_ADDRESS, else the usual socket. Nothing where no address is named and systemd did not boot the
// machine: there is nobody to ask.
std::optional<std::string> system_bus_address();
std::optional<std::string> system_bus_address(bool booted_by_systemd, const char* named);

// The daemon's connection to the system bus. It never blocks, and when the bus goes it is tried again until it is back.
// All of it happens in the loop.
class SystemBus {
public:
    struct Subscriber {
        // The bus has said welcome. What the subscriber calls and matches on it is good until disconnected().
        std::function<void(sd_bus& bus)> connected;
        // Once for each time that it goes, and once when it cannot be had at the start. Every slot on it has to be
        // freed.
        std::function<void(const std::string& reason)> disconnected;
    };
    struct Settings {
        std::optional<std::string> address;          // system_bus_address()
        Duration timeout = std::chrono::seconds{5};  // for its welcome, and for answers to calls that name no other
        Backoff::Waits waits = {};
    };

    // The loop has to outlive it, and must not run when it is gone.
    static repair::Result<std::unique_ptr<SystemBus>> start(EventLoop& loop, const Clock& clock, Settings settings);
    SystemBus(const SystemBus&) = delete;
    SystemBus& operator=(const SystemBus&) = delete;
    SystemBus(SystemBus&&) = delete;
    SystemBus& operator=(SystemBus&&) = delete;
    ~SystemBus();

    // False: there is no bus and never will be; subscribers are never called.
    [[nodiscard]] bool available() const { return settings_.address.has_value(); }
    // To be called before the loop runs.
    void subscribe(Subscriber subscriber);

private:
    enum class State : std::uint8_t { waiting, connecting, connected };
    struct Callbacks;

    SystemBus(EventLoop& loop, const Clock& clock, Settings settings);
    void on_time();
    void attempt();
    repair::Result<void> open();
    void become_connected();
    void lose(const std::string& reason);

    EventLoop& loop_;
    const Clock& clock_;
    Settings settings_;
    Backoff backoff_;
    std::optional<EventLoop::Timer> timer_;
    std::vector<Subscriber> subscribers_;
    State state_ = State::waiting;
    Instant connected_at_;
    bool told_of_loss_ = false;
    BusConnection bus_;
    std::vector<BusSlot> slots_;  // after the bus: freed before it
};

}  // namespace chainkeeper::daemon
