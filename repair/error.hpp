// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace chainkeeper::repair {

enum class ErrorCode {
    denied,       // EPERM: no CAP_NET_ADMIN, or an LSM refuses
    unsupported,  // the kernel has no nf_tables
    unsettled,    // the ruleset changed under every attempt to read it
    overflow,     // the kernel had more events than the socket could hold: some are lost
    protocol,     // the kernel's answer makes no sense
    failed,       // anything else the system call said
};

// An unexpected failure on its way up. `what` is one sentence without a full stop: what was being done, and why it
// did not work.
struct Error {
    ErrorCode code;
    std::string what;
};

template <typename T>
using Result = tl::expected<T, Error>;

// The error of a system call: `doing` names the attempt ("reading chain filter INPUT").
Error system_error(std::string_view doing, int error_number);

// The sentences for the two conditions a caller is told how to mend.
Error denied_error(std::string_view doing, std::string_view capabilities = "CAP_NET_ADMIN");
Error unsupported_error();

}  // namespace chainkeeper::repair
