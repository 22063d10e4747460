// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/bus/bus_object.hpp"
#include "daemon/clock.hpp"

#include <functional>
#include <optional>
#include <string>

namespace chainkeeper::daemon {

// A method call whose answer is wanted anew whenever something has changed. At most one is under way, and at most one
// more is wanted after it, however often it is asked for.
class RepeatedCall {
public:
    struct Method {
        std::string destination;
        std::string path;
        std::string interface;
        std::string member;
        std::optional<std::string> argument = {};  // a string, or none
        std::string harmless_error = {};           // the name of an error that is as good as an answer
    };
    // The reply is good during the call alone. An error: the call could not be sent, was refused, or timed out.
    using Answered = std::function<void(repair::Result<sd_bus_message*> reply)>;

    RepeatedCall(Method method, Duration timeout, Answered answered);
    RepeatedCall(const RepeatedCall&) = delete;
    RepeatedCall& operator=(const RepeatedCall&) = delete;
    RepeatedCall(RepeatedCall&&) = delete;
    RepeatedCall& operator=(RepeatedCall&&) = delete;
    ~RepeatedCall() = default;

    // Calls back from the loop, unless the call cannot even be sent, which is the error here.
    repair::Result<void> ask(sd_bus& bus);
    // There will be no answer. Also from within the answer.
    void cancel();

private:
    struct Callbacks;
    repair::Result<void> send(sd_bus& bus);
    void answer(sd_bus_message& reply);

    Method method_;
    Duration timeout_;
    Answered answered_;
    BusSlot under_way_;
    bool once_more_ = false;
};

}  // namespace chainkeeper::daemon
