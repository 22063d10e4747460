// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/file_descriptor.hpp"

#include <functional>
#include <sys/types.h>

namespace chainkeeper::tests {

// Calls `open_socket` in the network namespace of process 1: nowhere else are the records of audit sent. Nothing but a
// socket to audit may be opened there.
void in_first_network_namespace(const std::function<void()>& open_socket);

// Audit is on while this lives. What it was before it is again when the object goes, and when the test is killed. It is
// the machine's: who wants it, too, waits.
class AuditOn {
public:
    AuditOn();
    ~AuditOn();
    AuditOn(const AuditOn&) = delete;
    AuditOn& operator=(const AuditOn&) = delete;
    AuditOn(AuditOn&&) = delete;
    AuditOn& operator=(AuditOn&&) = delete;

private:
    daemon::FileDescriptor lock_;
    daemon::FileDescriptor end_;  // closed, it has the other process put back what was
    pid_t restorer_ = -1;
};

}  // namespace chainkeeper::tests
