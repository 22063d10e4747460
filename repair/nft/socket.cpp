// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/socket.hpp"

#include <cerrno>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

namespace chainkeeper::repair::nft {

namespace {

// Holds the largest datagram that nf_tables sends: a page of events, or 32 KiB of a dump (net/netlink/af_netlink.c).
constexpr std::size_t datagram_size = std::size_t{64} * 1024;
// With this much one transaction of 20,000 rules loses no event. The kernel takes it from memory as it is used.
constexpr int listener_buffer = 32 * 1024 * 1024;
// Without CAP_NET_ADMIN in the first user namespace only the administrator's limit (net.core.rmem_max) can be had; what
// is then lost is heard as an overflow.
void enlarge_receive_buffer(int descriptor)
{
    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &listener_buffer, sizeof listener_buffer) != 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &listener_buffer, sizeof listener_buffer);
}

Error receive_error()
{
    if (errno == ENOBUFS)
        return {ErrorCode::overflow, "the kernel had more nf_tables events than the socket could hold"};
    return system_error("receiving from nf_tables", errno);
}

}  // namespace

void Socket::Close::operator()(mnl_socket* socket) const noexcept
{
    mnl_socket_close(socket);
}

Socket::Socket(mnl_socket* socket) : socket_{socket}, buffer_(datagram_size) {}

Result<Socket> Socket::create()
{
    auto* const opened = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (opened == nullptr)
        return tl::unexpected(system_error("opening a netlink socket to nf_tables", errno));
    Socket socket{opened};
    if (mnl_socket_bind(opened, 0, MNL_SOCKET_AUTOPID) != 0)
        return tl::unexpected(system_error("binding the netlink socket to nf_tables", errno));
    return socket;
}

Result<Socket> Socket::open()
{
    auto socket = create();
    if (!socket)
        return socket;
    int on = 1;
    auto* const opened = socket->socket_.get();
    if (mnl_socket_setsockopt(opened, NETLINK_EXT_ACK, &on, sizeof on) != 0 ||
        mnl_socket_setsockopt(opened, NETLINK_CAP_ACK, &on, sizeof on) != 0)
        return tl::unexpected(system_error("asking nf_tables for extended acknowledgements", errno));
    return socket;
}

Result<Socket> Socket::open_listener()
{
    auto socket = create();
    if (!socket)
        return socket;
    int group = NFNLGRP_NFTABLES;
    enlarge_receive_buffer(socket->descriptor());
    if (mnl_socket_setsockopt(socket->socket_.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
        return tl::unexpected(system_error("listening to nf_tables", errno));
    return socket;
}

Result<void> Socket::send(std::span<const std::byte> messages)
{
    if (mnl_socket_sendto(socket_.get(), messages.data(), messages.size()) < 0)
        return tl::unexpected(system_error("asking nf_tables", errno));
    return {};
}

Result<std::span<const std::byte>> Socket::receive()
{
    ssize_t size = -1;
    do
        size = mnl_socket_recvfrom(socket_.get(), buffer_.data(), buffer_.size());
    while (size < 0 && errno == EINTR);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return std::span<const std::byte>{};
    if (size < 0)
        return tl::unexpected(receive_error());
    return std::span<const std::byte>{buffer_}.first(static_cast<std::size_t>(size));
}

int Socket::descriptor() const
{
    return mnl_socket_get_fd(socket_.get());
}

std::uint32_t Socket::reserve_sequences(std::size_t count)
{
    const auto first = next_sequence_;
    next_sequence_ += static_cast<std::uint32_t>(count);
    return first;
}

}  // namespace chainkeeper::repair::nft
