// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/message_id.hpp"

#include <algorithm>

namespace chainkeeper::daemon {

namespace {

using policies::Action;
using policies::Row;
using repair::Outcome;

struct Identity {
    Message message;
    std::string_view name;
    std::string_view id;
};

// Made once by `systemd-id128 new`. An id that was released is never given to anything else.
constexpr std::array identities{
    Identity{Message::heard, "heard", "e58a43fd4d584379b4e97d57d59ff444"},
    Identity{Message::flush, "flush", "5da723e9e4724fc39997bb215b46af6b"},
    Identity{Message::events_lost, "events_lost", "4c3b277227ee495fb7d23e4bcaaaae63"},
    Identity{Message::repair, "repair", "e4c942e3e74a47aea5dbe43a4062482e"},
    Identity{Message::would_repair, "would_repair", "b3261c60f8e64cb0ab54673208d6bcef"},
    Identity{Message::wait, "wait", "8e41fee2012a466baf4cc47737fb2158"},
    Identity{Message::refused, "refused", "703e0a853c384552af68b30d87fc9295"},
    Identity{Message::standoff, "standoff", "0dfd4b78793840e595877db9473d9528"},
    Identity{Message::damaged, "damaged", "d93efb7a869b4d61a3f2e4565e188fd7"},
    Identity{Message::held, "held", "780c0c07d22e411496ea14e5eec47bdc"},
    Identity{Message::healthy, "healthy", "aaa9eb7b3ce24954815c951935f078bd"},
    Identity{Message::committed, "committed", "15c6f277a2834476a4bd936c8f185092"},
    Identity{Message::recorded, "recorded", "e7e20d87a6ca4e15ab46fd092f1846f4"},
    Identity{Message::commit_failed, "commit_failed", "79d95c4f4ab34ad8be31de50664719f7"},
    Identity{Message::commit_denied, "commit_denied", "1c67e99954294ae984fc9a72350b19c9"},
    Identity{Message::lock_timeout, "lock_timeout", "484918df341b4aeea3fba14aa927a2d7"},
    Identity{Message::verified, "verified", "776e40bea5ce499ca63e25e299fe98a8"},
    Identity{Message::verify_failed, "verify_failed", "f3092b584a61418eab0a30e36478556a"},
    Identity{Message::kubelet, "kubelet", "82a79b3e51ed40de9221feb35ae46495"},
    Identity{Message::hold_set, "hold_set", "8d18ee90532747f989c0b3ab5b748f1e"},
    Identity{Message::hold_ended, "hold_ended", "3ab42896d12048d3abbf3278e305a181"},
    Identity{Message::window_opened, "window_opened", "88d1c25863a94539958e48285f7d6c6a"},
    Identity{Message::window_closed, "window_closed", "3a3ae56e7a4c470caac675ee1a5cc9e5"},
    Identity{Message::policy_loaded, "policy_loaded", "709c8d7ec84f442ba8c6d53ca040be25"},
    Identity{Message::policy_refused, "policy_refused", "9b7e57a9e627476a84fccb3bbd8553a4"},
    Identity{Message::trouble, "trouble", "440782e0be0b43edb281dd4b2efc7a7a"},
    Identity{Message::notice, "notice", "5b334a244c3f4adba451733ed883a30c"},
    Identity{Message::started, "started", "8e07b959c960405dafaf7cb4abef584b"},
    Identity{Message::stopping, "stopping", "efe577eec8374c0ab949074c69ae19aa"},
};
static_assert(std::ranges::equal(identities, all_messages, {}, &Identity::message));

const Identity& identity_of(Message message)
{
    return *std::ranges::find(identities, message, &Identity::message);
}

Message report_message(Row row)
{
    return row == Row::damaged ? Message::damaged : Message::held;
}

Message decision_message(const policies::Decision& decision)
{
    switch (decision.action) {
    case Action::none: return Message::healthy;
    case Action::report: return report_message(decision.row);
    case Action::refuse: return decision.row == Row::standoff ? Message::standoff : Message::refused;
    case Action::wait: return Message::wait;
    case Action::repair: return Message::repair;
    case Action::would_repair: return Message::would_repair;
    }
    return Message::refused;
}

Message outcome_message(Outcome::Kind kind)
{
    switch (kind) {
    case Outcome::Kind::committed: return Message::committed;
    case Outcome::Kind::recorded: return Message::recorded;
    case Outcome::Kind::denied: return Message::commit_denied;
    case Outcome::Kind::lock_timeout: return Message::lock_timeout;
    case Outcome::Kind::stale:
    case Outcome::Kind::failed: break;
    }
    return Message::commit_failed;
}

Message notice_message(Notice::Kind kind)
{
    switch (kind) {
    case Notice::Kind::started: return Message::started;
    case Notice::Kind::stopping: return Message::stopping;
    case Notice::Kind::other: break;
    }
    return Message::notice;
}

struct MessageOf {
    Message operator()(const Heard& /*report*/) const { return Message::heard; }
    Message operator()(const Settled& settled) const
    {
        const bool was_flush = settled.burst.losses.any() || settled.burst.gaps.empty();
        return was_flush ? Message::flush : Message::events_lost;
    }
    Message operator()(const Decided& decided) const { return decision_message(decided.decision); }
    Message operator()(const Committed& committed) const { return outcome_message(committed.outcome.kind); }
    Message operator()(const Verified& verified) const
    {
        return verified.fulfilled ? Message::verified : Message::verify_failed;
    }
    Message operator()(const KubeletNews& /*report*/) const { return Message::kubelet; }
    Message operator()(const HoldSet& /*report*/) const { return Message::hold_set; }
    Message operator()(const HoldEnded& /*report*/) const { return Message::hold_ended; }
    Message operator()(const WindowOpened& /*report*/) const { return Message::window_opened; }
    Message operator()(const WindowClosed& /*report*/) const { return Message::window_closed; }
    Message operator()(const PolicyLoaded& loaded) const
    {
        return loaded.accepted ? Message::policy_loaded : Message::policy_refused;
    }
    Message operator()(const Trouble& /*report*/) const { return Message::trouble; }
    Message operator()(const Notice& notice) const { return notice_message(notice.kind); }
};

}  // namespace

std::string_view to_string(Message message)
{
    return identity_of(message).name;
}

std::string_view message_id(Message message)
{
    return identity_of(message).id;
}

Message message_of(const Report& report)
{
    return std::visit(MessageOf{}, report);
}

}  // namespace chainkeeper::daemon
