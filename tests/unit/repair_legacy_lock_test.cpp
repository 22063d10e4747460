// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/legacy/lock.hpp"

#include <doctest/doctest.h>

using namespace chainkeeper::repair::legacy;

TEST_CASE("xtables lock: /proc/locks tells who has it, and who waits behind them")
{
    constexpr LockedFile file{.major = 0, .minor = 0x19, .inode = 4711};
    constexpr auto locks = "1: POSIX  ADVISORY  WRITE 10 00:19:4711 0 EOF\n"
                           "2: FLOCK  ADVISORY  WRITE 42 00:19:4711 0 EOF\n"
                           "2: -> FLOCK  ADVISORY  WRITE 43 00:19:4711 0 EOF\n"
                           "3: FLOCK  ADVISORY  WRITE 44 00:1a:4711 0 EOF\n"
                           "4: FLOCK  ADVISORY  WRITE 45 00:19:47110 0 EOF\n"
                           "5: FLOCK  ADVISORY  WRITE 0 00:19:4711 0 EOF\n"
                           "6: FLOCK  ADVISORY  WRITE -1 00:19:4711 0 EOF\n";
    CHECK(users_in(locks, file) == std::vector<pid_t>{42, 43});
    CHECK(lock_users_in(locks, file) == std::vector<LockUser>{{.pid = 42, .waits = false},
                                                              {.pid = 43, .waits = true},
                                                              {.pid = 0, .waits = false},
                                                              {.pid = 0, .waits = false}});
    CHECK(users_in("", file).empty());
    CHECK(users_in("2: FLOCK  ADVISORY", file).empty());
    CHECK(users_in("garbage", file).empty());
}
