// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/system_bus.hpp"

#include <array>
#include <cstdlib>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <utility>

namespace chainkeeper::daemon {

namespace {

constexpr const char* usual_address = "unix:path=/run/dbus/system_bus_socket";
constexpr const char* local_path = "/org/freedesktop/DBus/Local";
constexpr const char* local_name = "org.freedesktop.DBus.Local";

std::uint64_t microseconds(Duration duration)
{
    return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::microseconds>(duration).count());
}

}  // namespace

std::optional<std::string> system_bus_address(bool booted_by_systemd, const char* named)
{
    if (named != nullptr && *named != '\0')
        return named;
    return booted_by_systemd ? std::optional<std::string>{usual_address} : std::nullopt;
}

std::optional<std::string> system_bus_address()
{
    return system_bus_address(sd_booted() > 0, std::getenv("DBUS_SYSTEM_BUS_ADDRESS"));
}

// sd-bus tells of its own connection by signals that never were on the wire.
struct SystemBus::Callbacks {
    static int connected(sd_bus_message* /*signal*/, void* self, sd_bus_error* /*error*/) noexcept
    {
        static_cast<SystemBus*>(self)->become_connected();
        return 0;
    }

    static int disconnected(sd_bus_message* /*signal*/, void* self, sd_bus_error* /*error*/) noexcept
    {
        static_cast<SystemBus*>(self)->lose("the connection to the system bus was closed");
        return 0;
    }
};

SystemBus::SystemBus(EventLoop& loop, const Clock& clock, Settings settings)
    : loop_{loop}, clock_{clock}, settings_{std::move(settings)}, backoff_{settings_.waits}
{
}

SystemBus::~SystemBus()
{
    if (timer_)
        timer_->set(std::nullopt);
}

repair::Result<std::unique_ptr<SystemBus>> SystemBus::start(EventLoop& loop, const Clock& clock, Settings settings)
{
    std::unique_ptr<SystemBus> bus{new SystemBus{loop, clock, std::move(settings)}};
    auto timer = loop.add_timer([self = bus.get()] { self->on_time(); });
    if (!timer)
        return tl::unexpected(timer.error());
    bus->timer_ = *timer;
    if (bus->available())
        bus->timer_->set(clock.now());
    return bus;
}

void SystemBus::subscribe(Subscriber subscriber)
{
    subscribers_.push_back(std::move(subscriber));
}

void SystemBus::on_time()
{
    if (state_ == State::connecting)
        lose("the system bus did not answer in time");
    else if (state_ == State::waiting)
        attempt();
}

void SystemBus::attempt()
{
    slots_.clear();
    bus_.reset();
    state_ = State::connecting;
    timer_->set(clock_.now() + settings_.timeout);
    if (const auto opened = open(); !opened)
        lose(opened.error().what);
}

// As sd_bus_open_system() does it, with the two signals and the timeout in place before it starts.
repair::Result<void> SystemBus::open()
{
    sd_bus* made = nullptr;
    if (const int result = sd_bus_new(&made); result < 0)
        return tl::unexpected(bus_error("making a bus connection", result));
    bus_.reset(made);
    std::array<sd_bus_slot*, 2> signals{};
    const std::array steps{
        sd_bus_set_address(made, settings_.address->c_str()),
        sd_bus_set_bus_client(made, 1),
        sd_bus_set_connected_signal(made, 1),
        sd_bus_set_method_call_timeout(made, microseconds(settings_.timeout)),
        sd_bus_set_close_on_exit(made, 0),  // it would wait for the bus to take what is queued
        sd_bus_match_signal(made, signals.data(), local_name, local_path, local_name, "Connected", Callbacks::connected,
                            this),
        sd_bus_match_signal(made, &signals[1], local_name, local_path, local_name, "Disconnected",
                            Callbacks::disconnected, this),
        sd_bus_attach_event(made, loop_.native(), SD_EVENT_PRIORITY_NORMAL),
        sd_bus_start(made),
    };
    for (auto* const signal : signals)
        slots_.emplace_back(signal);
    for (const int result : steps)
        if (result < 0)
            return tl::unexpected(bus_error("connecting to the system bus", result));
    return {};
}

void SystemBus::become_connected()
{
    state_ = State::connected;
    connected_at_ = clock_.now();
    told_of_loss_ = false;
    timer_->set(std::nullopt);
    for (const auto& subscriber : subscribers_)
        subscriber.connected(*bus_);
}

// Also from within a callback of this bus: it is closed here, and freed before the next attempt.
void SystemBus::lose(const std::string& reason)
{
    const auto now = clock_.now();
    const auto lasted = state_ == State::connected ? now - connected_at_ : Duration::zero();
    state_ = State::waiting;
    sd_bus_close(bus_.get());
    timer_->set(now + backoff_.next(lasted));
    if (std::exchange(told_of_loss_, true))
        return;
    for (const auto& subscriber : subscribers_)
        subscriber.disconnected(reason);
}

}  // namespace chainkeeper::daemon
