// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/network_namespace.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdexcept>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace chainkeeper::tests {

namespace {

constexpr const char* own_namespace = "/proc/thread-self/ns/net";
constexpr const char* first_namespace = "/proc/1/ns/net";

[[noreturn]] void fail(const char* doing)
{
    throw std::system_error{errno, std::generic_category(), doing};
}

struct stat identity_of(const char* path)
{
    struct stat identity {};
    if (stat(path, &identity) != 0)
        fail(path);
    return identity;
}

void refuse_first_namespace()
{
    const auto own = identity_of(own_namespace);
    const auto first = identity_of(first_namespace);
    if (own.st_dev == first.st_dev && own.st_ino == first.st_ino)
        throw std::runtime_error{"this is the network namespace of process 1: no test may run in it"};
}

void bring_loopback_up()
{
    const int socket_descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_descriptor < 0)
        fail("opening a socket");
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    const int result = ioctl(socket_descriptor, SIOCSIFFLAGS, &request);
    close(socket_descriptor);
    if (result != 0)
        fail("bringing the loopback device up");
}

}  // namespace

NetworkNamespace::NetworkNamespace() : previous_{open(own_namespace, O_RDONLY | O_CLOEXEC)}
{
    if (previous_ < 0)
        fail(own_namespace);
    if (unshare(CLONE_NEWNET) != 0) {
        close(previous_);
        fail("making a network namespace");
    }
    refuse_first_namespace();
    bring_loopback_up();
}

NetworkNamespace::~NetworkNamespace()
{
    // What would follow is written into a ruleset that nobody asked for.
    if (setns(previous_, CLONE_NEWNET) != 0)
        std::abort();
    close(previous_);
}

}  // namespace chainkeeper::tests
