// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"
#include "repair/nft/event.hpp"

#include <functional>

namespace chainkeeper::daemon {

// Where changes of the ruleset are heard.
class EventSource {
public:
    // What was heard in one go.
    struct Heard {
        bool more = false;       // not everything was read yet
        bool lost = false;       // some events are gone (ENOBUFS): the state is unknown
        unsigned malformed = 0;  // messages that made no sense
    };

    EventSource() = default;
    EventSource(const EventSource&) = delete;
    EventSource& operator=(const EventSource&) = delete;
    EventSource(EventSource&&) = delete;
    EventSource& operator=(EventSource&&) = delete;
    virtual ~EventSource() = default;

    // To be polled for reading.
    [[nodiscard]] virtual int descriptor() const = 0;
    // Reads a bounded amount, without blocking.
    virtual repair::Result<Heard> read(const std::function<void(const repair::nft::Event&)>& hear) = 0;
};

}  // namespace chainkeeper::daemon
