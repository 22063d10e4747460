// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/audit_listener.hpp"

#include "daemon/process_network.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <endian.h>
#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <string_view>
#include <sys/socket.h>
#include <system_error>

namespace chainkeeper::daemon {

namespace {

// A datagram is one record. After this many the loop gets to see its other sources.
constexpr int most_datagrams = 256;
// Holds the longest record (MAX_AUDIT_MESSAGE_LENGTH of libaudit: 8970 bytes).
constexpr std::size_t datagram_size = std::size_t{16} * 1024;
// Room for 2,500 records that nobody reads (measured on Linux 6.18).
constexpr int receive_buffer = 1024 * 1024;

repair::Error denied()
{
    return {repair::ErrorCode::denied,
            "listening to audit was refused: it needs CAP_AUDIT_READ (AUDIT in chainkeeperd(8) says how to give it)"};
}

repair::Error unsupported()
{
    return {repair::ErrorCode::unsupported,
            "this kernel has no audit: it was built without CONFIG_AUDIT, or booted with audit=0"};
}

repair::Error error_of(std::string_view doing, int error_number)
{
    if (error_number == EPERM || error_number == EACCES)
        return denied();
    if (error_number == EPROTONOSUPPORT || error_number == EAFNOSUPPORT)
        return unsupported();
    return {repair::ErrorCode::failed,
            fmt::format("{} failed: {}", doing, std::generic_category().message(error_number))};
}

// On an audited node there are thousands of records a second that are none of ours: the kernel drops them before they
// take room in the socket, or wake anybody. A filter loads numbers in network order.
bool keep_netfilter_records_only(int socket)
{
    std::array<sock_filter, 4> instructions{{
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_type)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htobe16(AUDIT_NETFILTER_CFG), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffffU),
        BPF_STMT(BPF_RET | BPF_K, 0),
    }};
    const sock_fprog program{.len = instructions.size(), .filter = instructions.data()};
    return setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

// Bound first: a socket without a port of its own gets nothing from the kernel, whose port is 0 as well
// (net/netlink/af_netlink.c, do_one_broadcast).
bool join_records(int socket)
{
    constexpr int group = AUDIT_NLGRP_READLOG;
    const sockaddr_nl any_port{.nl_family = AF_NETLINK, .nl_pad = 0, .nl_pid = 0, .nl_groups = 0};
    const auto* const address = static_cast<const sockaddr*>(static_cast<const void*>(&any_port));
    return bind(socket, address, sizeof any_port) == 0 &&
           setsockopt(socket, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0;
}

// As netlink's sockets do it that hear of nf_tables: without CAP_NET_ADMIN it stays as small as the administrator has
// it.
void enlarge_receive_buffer(int socket)
{
    if (setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer) != 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
}

struct Received {
    std::size_t size = 0;
    bool from_kernel = false;
};

// Nothing but an errno where nothing was received.
tl::expected<Received, int> receive(int socket, std::array<std::byte, datagram_size>& buffer)
{
    sockaddr_nl sender{};
    ssize_t size = -1;
    do {
        socklen_t length = sizeof sender;
        size = recvfrom(socket, buffer.data(), buffer.size(), 0, static_cast<sockaddr*>(static_cast<void*>(&sender)),
                        &length);
    } while (size < 0 && errno == EINTR);
    if (size < 0)
        return tl::unexpected(errno);
    return Received{.size = static_cast<std::size_t>(size), .from_kernel = sender.nl_pid == 0};
}

// A network namespace that ends takes its tables along, by a thread of the kernel's (cleanup_net). Ours does not end,
// and who unloads the module of a table is a process.
bool is_end_of_namespace(const NetfilterConfig& config)
{
    return config.operation == "xt_unregister" && config.comm.starts_with("kworker/");
}

bool may_be_ours(const NetfilterConfig& config)
{
    return !is_end_of_namespace(config) && network_of_writer("/proc", config.pid, config.comm) != ProcessNetwork::other;
}

}  // namespace

repair::Result<std::unique_ptr<AuditListener>> AuditListener::open()
{
    FileDescriptor opened{socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT)};
    if (!opened)
        return tl::unexpected(error_of("opening a socket to audit", errno));
    enlarge_receive_buffer(opened.number());
    if (!keep_netfilter_records_only(opened.number()))
        return tl::unexpected(error_of("choosing the records of audit", errno));
    if (!join_records(opened.number()))
        return tl::unexpected(error_of("listening to audit", errno));
    return std::unique_ptr<AuditListener>{new AuditListener{std::move(opened)}};
}

repair::Result<AuditListener::Heard> AuditListener::read(const std::function<void(const NetfilterConfig&)>& hear)
{
    const auto hear_ours = [&](const NetfilterConfig& config) {
        if (may_be_ours(config))
            hear(config);
    };
    Heard heard;
    std::array<std::byte, datagram_size> buffer;
    for (int datagrams = 0; datagrams < most_datagrams; ++datagrams) {
        const auto received = receive(socket_.number(), buffer);
        if (received && received->from_kernel)
            heard.malformed += read_audit_records(std::span{buffer}.first(received->size), hear_ours);
        else if (!received && received.error() == ENOBUFS)
            heard.lost = true;
        else if (!received && (received.error() == EAGAIN || received.error() == EWOULDBLOCK))
            return heard;
        else if (!received)
            return tl::unexpected(error_of("receiving from audit", received.error()));
    }
    heard.more = true;
    return heard;
}

}  // namespace chainkeeper::daemon
