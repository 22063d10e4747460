// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/audit.hpp"

#include "tests/support/message_bytes.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace chainkeeper::tests {

using daemon::FileDescriptor;

namespace {

[[noreturn]] void fail(const std::string& doing)
{
    throw std::system_error{errno, std::generic_category(), doing};
}

// Process 1 itself may have capabilities that root of a test has not, and then its namespace cannot be opened by its
// number. The files below /proc/PID/net, which anybody may look at, are the same for all that are in one with it.
FileDescriptor open_first_namespace()
{
    for (const auto& process : std::filesystem::directory_iterator{"/proc"}) {
        std::error_code gone;
        if (!std::filesystem::equivalent(process.path() / "net/dev", "/proc/1/net/dev", gone))
            continue;
        FileDescriptor opened{open((process.path() / "ns/net").c_str(), O_RDONLY | O_CLOEXEC)};
        if (opened)
            return opened;
    }
    throw std::runtime_error{"no process in the network namespace of process 1 lets this one look at it"};
}

FileDescriptor open_audit()
{
    FileDescriptor opened{socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT)};
    if (!opened)
        fail("opening a socket to audit");
    return opened;
}

// Sends a request, and returns the payload of the first answer of that type.
std::vector<std::byte> ask(const MessageBytes& request, std::uint16_t answer_type)
{
    const auto audit = open_audit();
    const auto& bytes = request.bytes();
    if (send(audit.number(), bytes.data(), bytes.size(), 0) < 0)
        fail("asking audit");
    std::array<std::byte, 16384> answer{};
    nlmsghdr header{};
    ssize_t size = 0;
    do {
        size = recv(audit.number(), answer.data(), answer.size(), 0);
        if (size < static_cast<ssize_t>(sizeof header))
            fail("hearing from audit");
        std::memcpy(&header, answer.data(), sizeof header);
    } while (header.nlmsg_type != answer_type);
    return {answer.begin() + sizeof header, answer.begin() + size};
}

std::uint32_t enabled()
{
    const auto answer = ask(MessageBytes{AUDIT_GET, NLM_F_REQUEST}, AUDIT_GET);
    audit_status status{};
    std::memcpy(&status, answer.data(), std::min(answer.size(), sizeof status));
    return status.enabled;
}

void enable(std::uint32_t value)
{
    audit_status status{};
    status.mask = AUDIT_STATUS_ENABLED;
    status.enabled = value;
    const auto answer = ask(MessageBytes{AUDIT_SET, NLM_F_REQUEST | NLM_F_ACK}.raw(bytes_of(status)), NLMSG_ERROR);
    nlmsgerr error{};
    std::memcpy(&error, answer.data(), std::min(answer.size(), sizeof error));
    if (error.error != 0) {
        errno = -error.error;
        fail("switching audit");
    }
}

FileDescriptor take_lock()
{
    const auto path = std::filesystem::temp_directory_path() / "chainkeeper-audit.lock";
    FileDescriptor lock{open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!lock || flock(lock.number(), LOCK_EX) != 0)
        fail(path);
    return lock;
}

// Not in the session of the test, whose process group a time limit ends.
[[noreturn]] void restore_at_end(int end, std::uint32_t before)
{
    setsid();
    char nothing = 0;
    while (read(end, &nothing, 1) < 0 && errno == EINTR) {
    }
    try {
        enable(before);
    } catch (const std::exception&) {
        _exit(1);
    }
    _exit(0);
}

}  // namespace

void in_first_network_namespace(const std::function<void()>& open_socket)
{
    const FileDescriptor own{open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
    const auto first = open_first_namespace();
    if (!own || setns(first.number(), CLONE_NEWNET) != 0)
        fail("entering the network namespace of process 1");
    // Whatever comes of it, nothing else may happen there.
    const auto leave = [&]() noexcept {
        if (setns(own.number(), CLONE_NEWNET) != 0)
            std::abort();
    };
    try {
        open_socket();
    } catch (...) {
        leave();
        throw;
    }
    leave();
}

AuditOn::AuditOn() : lock_{take_lock()}
{
    const auto before = enabled();
    int ends[2]{};
    if (pipe2(ends, O_CLOEXEC) != 0)
        fail("making a pipe");
    const FileDescriptor reading{ends[0]};
    end_ = FileDescriptor{ends[1]};
    restorer_ = fork();
    if (restorer_ < 0)
        fail("starting who switches audit back");
    if (restorer_ == 0) {
        end_.reset();
        restore_at_end(reading.number(), before);
    }
    if (before == 0)
        enable(1);
}

AuditOn::~AuditOn()
{
    end_.reset();
    waitpid(restorer_, nullptr, 0);
}

}  // namespace chainkeeper::tests
