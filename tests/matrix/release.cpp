// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/matrix/release.hpp"

#include "tests/support/command.hpp"

#include <cerrno>
#include <sched.h>
#include <sys/mount.h>
#include <system_error>

namespace chainkeeper::tests {

namespace {

void must(int result, const std::string& doing)
{
    if (result != 0)
        throw std::system_error{errno, std::generic_category(), doing};
}

void leave_mounts_of_machine()
{
    must(unshare(CLONE_NEWNS), "making a mount namespace");
    must(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "keeping mounts private");
}

void mount_in(const std::string& root, const char* type, const char* folder)
{
    const auto place = root + folder;
    must(mount(type, place.c_str(), type, MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr), "mounting " + place);
}

Release provided(const std::string& suite, const std::string& version)
{
    auto root = must_run({MATRIX_TIER "/root", suite});
    root.erase(root.find('\n'));
    mount_in(root, "proc", "/proc");
    mount_in(root, "tmpfs", "/run");
    return {.suite = suite, .version = version, .root = root};
}

std::vector<Release> all_provided()
{
    leave_mounts_of_machine();
    return {provided("bullseye", "1.8.7"), provided("bookworm", "1.8.9"), provided("trixie", "1.8.11")};
}

}  // namespace

const std::vector<Release>& releases()
{
    static const auto all = all_provided();
    return all;
}

}  // namespace chainkeeper::tests
