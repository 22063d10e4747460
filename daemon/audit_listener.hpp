// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/audit_record.hpp"
#include "daemon/event_source.hpp"
#include "daemon/file_descriptor.hpp"

#include <functional>
#include <memory>
#include <utility>

namespace chainkeeper::daemon {

// The kernel's audit, for changes of netfilter tables: iptables-legacy has no events of its own. Where audit is off
// (audit_enabled = 0) nothing comes.
//
// The kernel sends its records to sockets of the first network namespace alone (kernel/audit.c,
// kauditd_send_multicast_skb): one that was opened in another hears nothing. There it hears of every network
// namespace's tables, and no record says of which. So a record is heard unless its writer is still there and is in
// another namespace than the reading thread, or it tells of the end of a namespace: it is a hint to look. It is no more
// than that, for the kernel keeps the records within limits of its own (audit_rate_limit, audit_backlog_limit), and
// what goes beyond is lost without a word to listeners.
class AuditListener {
public:
    using Heard = EventSource::Heard;

    // ErrorCode::denied: no CAP_AUDIT_READ, as the service has it unless a drop-in gives it. ErrorCode::unsupported:
    // this kernel has no audit.
    static repair::Result<std::unique_ptr<AuditListener>> open();

    // To be polled for reading. It wakes for no record of any other type.
    [[nodiscard]] int descriptor() const { return socket_.number(); }
    // Reads a bounded amount, without blocking.
    repair::Result<Heard> read(const std::function<void(const NetfilterConfig&)>& hear);

private:
    explicit AuditListener(FileDescriptor socket) : socket_{std::move(socket)} {}

    FileDescriptor socket_;
};

}  // namespace chainkeeper::daemon
