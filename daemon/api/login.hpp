// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <sys/types.h>

namespace chainkeeper::daemon {

// Where people are looked up; tests have files of their own.
struct LoginFiles {
    std::filesystem::path proc = "/proc";
    std::filesystem::path passwd = "/etc/passwd";
};

// The user's name; "uid 1000" for one that the passwd file does not have. NSS is not asked: a directory server that
// does not answer would hold up the loop.
std::string user_name(uid_t uid, const LoginFiles& files = {});

// Who is behind a caller of the bus, for the record. For root it is who logged in, by the audit login of the process:
// alice, though she came by sudo. It is no proof: the number of the process may be another's by now. Anybody else is
// the user that the bus authenticated; a process that was never logged in may write any audit login that it likes.
std::string login_of(uid_t uid, pid_t pid, const LoginFiles& files = {});

}  // namespace chainkeeper::daemon
