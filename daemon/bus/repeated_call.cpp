// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/repeated_call.hpp"

#include <fmt/format.h>
#include <systemd/sd-bus.h>
#include <utility>

namespace chainkeeper::daemon {

struct RepeatedCall::Callbacks {
    static int answered(sd_bus_message* reply, void* self, sd_bus_error* /*error*/) noexcept
    {
        static_cast<RepeatedCall*>(self)->answer(*reply);
        return 0;
    }
};

RepeatedCall::RepeatedCall(Method method, Duration timeout, Answered answered)
    : method_{std::move(method)}, timeout_{timeout}, answered_{std::move(answered)}
{
}

repair::Result<void> RepeatedCall::ask(sd_bus& bus)
{
    once_more_ = under_way_ != nullptr;
    return once_more_ ? repair::Result<void>{} : send(bus);
}

void RepeatedCall::cancel()
{
    under_way_.reset();
    once_more_ = false;
}

repair::Result<void> RepeatedCall::send(sd_bus& bus)
{
    sd_bus_message* made = nullptr;
    int result = sd_bus_message_new_method_call(&bus, &made, method_.destination.c_str(), method_.path.c_str(),
                                                method_.interface.c_str(), method_.member.c_str());
    const BusMessage call{made};
    // A service that is not there is an answer; nobody is to be started for it.
    if (result >= 0)
        result = sd_bus_message_set_auto_start(made, 0);
    if (result >= 0 && method_.argument)
        result = sd_bus_message_append(made, "s", method_.argument->c_str());
    sd_bus_slot* slot = nullptr;
    const auto timeout = std::chrono::ceil<std::chrono::microseconds>(timeout_).count();
    if (result >= 0)
        result = sd_bus_call_async(&bus, &slot, made, Callbacks::answered, this, static_cast<std::uint64_t>(timeout));
    under_way_.reset(slot);
    if (result < 0)
        return tl::unexpected(bus_error(fmt::format("calling {}", method_.member), result));
    return {};
}

void RepeatedCall::answer(sd_bus_message& reply)
{
    under_way_.reset();
    auto* const bus = sd_bus_message_get_bus(&reply);
    const bool is_error = sd_bus_message_is_method_error(&reply, nullptr) > 0 &&
                          sd_bus_message_is_method_error(&reply, method_.harmless_error.c_str()) <= 0;
    const bool again = std::exchange(once_more_, false);
    if (is_error)
        return answered_(tl::unexpected(bus_error(fmt::format("calling {}", method_.member), reply)));
    if (again)
        if (const auto sent = send(*bus); !sent)
            return answered_(tl::unexpected(sent.error()));
    answered_(&reply);
}

}  // namespace chainkeeper::daemon
