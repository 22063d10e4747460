// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/report.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace chainkeeper::daemon {

// Every kind of entry that the daemon writes into the journal.
enum class Message : std::uint8_t {
    heard,
    flush,
    events_lost,  // not all was heard, and what was heard took nothing away
    repair,
    would_repair,
    wait,
    refused,
    standoff,
    damaged,
    held,
    healthy,
    committed,
    recorded,
    commit_failed,
    commit_denied,
    lock_timeout,
    verified,
    verify_failed,
    kubelet,
    hold_set,
    hold_ended,
    window_opened,
    window_closed,
    policy_loaded,
    policy_refused,
    trouble,
    notice,
    started,
    stopping,
};
inline constexpr std::array all_messages{
    Message::heard,          Message::flush,         Message::events_lost,   Message::repair,
    Message::would_repair,   Message::wait,          Message::refused,       Message::standoff,
    Message::damaged,        Message::held,          Message::healthy,       Message::committed,
    Message::recorded,       Message::commit_failed, Message::commit_denied, Message::lock_timeout,
    Message::verified,       Message::verify_failed, Message::kubelet,       Message::hold_set,
    Message::hold_ended,     Message::window_opened, Message::window_closed, Message::policy_loaded,
    Message::policy_refused, Message::trouble,       Message::notice,        Message::started,
    Message::stopping,
};

// "would_repair": CHAINKEEPER_EVENT= in the journal.
std::string_view to_string(Message message);

// MESSAGE_ID= in the journal: 32 hexadecimal digits, which stay the same for ever. systemd/chainkeeper.catalog explains
// each.
std::string_view message_id(Message message);

Message message_of(const Report& report);

}  // namespace chainkeeper::daemon
