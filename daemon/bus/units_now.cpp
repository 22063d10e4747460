// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/units_now.hpp"

#include "daemon/bus/system_bus.hpp"
#include "daemon/bus/systemd_units.hpp"
#include "daemon/event_loop.hpp"

#include <cstdlib>

namespace chainkeeper::daemon {

namespace {

constexpr Duration patience = std::chrono::seconds{6};

repair::Result<std::optional<UnitsSeen>> wait_for_answer(EventLoop& loop, SystemdUnits& units, const Clock& clock)
{
    std::optional<UnitsSeen> answer;
    units.watch([&](const std::optional<UnitsSeen>& seen) {
        answer = seen;
        loop.stop(EXIT_SUCCESS);
    });
    auto deadline = loop.add_timer([&] { loop.stop(EXIT_FAILURE); });
    if (!deadline)
        return tl::unexpected(deadline.error());
    deadline->set(clock.now() + patience);
    return loop.run().map([&](int) { return answer; });
}

}  // namespace

repair::Result<std::optional<UnitsSeen>> ask_units(const policies::Policy& policy, const Clock& clock)
{
    const auto address = system_bus_address();
    if (!address)
        return std::nullopt;
    auto loop = EventLoop::create();
    if (!loop)
        return tl::unexpected(loop.error());
    const auto bus = SystemBus::start(*loop, clock, {.address = address});
    if (!bus)
        return tl::unexpected(bus.error());
    // Why it does not answer is of no use to whoever looks once: unknown is what it comes to.
    const auto units = SystemdUnits::start(
        {.loop = *loop, .bus = **bus, .clock = clock, .trouble = [](const std::string& /*what*/) {}},
        {.kubelets = policy.kubelet.units, .disruptors = policy.repair.disruptors}, {});
    if (!units)
        return tl::unexpected(units.error());
    return wait_for_answer(*loop, **units, clock);
}

tl::expected<std::optional<UnitsSeen>, std::string> known_units(const policies::Policy& policy, const Clock& clock)
{
    auto units = ask_units(policy, clock);
    if (!units)
        return tl::unexpected(units.error().what);
    if (!*units && system_bus_address())
        return tl::unexpected(std::string{
            "systemd does not answer on the system bus, so it cannot be told whether kubelet runs; is D-Bus running?"});
    return *std::move(units);
}

}  // namespace chainkeeper::daemon
