// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/network_namespace.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <net/if.h>
#include <optional>
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

struct Identity {
    dev_t device = 0;
    ino_t number = 0;
    bool operator==(const Identity&) const = default;
};

Identity identity_of(int descriptor)
{
    struct stat found {};
    if (fstat(descriptor, &found) != 0)
        fail("looking at a network namespace");
    return {.device = found.st_dev, .number = found.st_ino};
}

// Nothing where this process may not look at process 1.
std::optional<Identity> first_identity()
{
    struct stat found {};
    if (stat(first_namespace, &found) == 0)
        return Identity{.device = found.st_dev, .number = found.st_ino};
    if (errno != EACCES && errno != EPERM)
        fail(first_namespace);
    return std::nullopt;
}

// A namespace that is not the one of before was made a moment ago, and is nobody's. That it is not the one of process 1
// follows, and is asked for all the same where that can be seen.
void refuse_old_namespace(int previous)
{
    const int descriptor = open(own_namespace, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        fail(own_namespace);
    const auto own = identity_of(descriptor);
    close(descriptor);
    if (own == identity_of(previous) || own == first_identity())
        throw std::runtime_error{"this network namespace is not a new one: no test may run in it"};
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
    try {
        refuse_old_namespace(previous_);
        bring_loopback_up();
    } catch (...) {
        leave();
        throw;
    }
}

NetworkNamespace::~NetworkNamespace()
{
    leave();
}

void NetworkNamespace::leave() const
{
    // What would follow is written into a ruleset that nobody asked for.
    if (setns(previous_, CLONE_NEWNET) != 0)
        std::abort();
    close(previous_);
}

}  // namespace chainkeeper::tests
