// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

struct mnl_socket;

namespace chainkeeper::repair::nft {

// A NETLINK_NETFILTER socket of the network namespace in which it was opened. It never blocks: the kernel handles a
// request within send(), so whatever it has to say is waiting by the time send() returns (net/netlink/af_netlink.c,
// netlink_unicast_kernel).
class Socket {
public:
    // A socket for requests; errors come with the kernel's extended acknowledgement.
    static Result<Socket> open();
    // A socket that hears every change of nf_tables (group NFNLGRP_NFTABLES) from now on.
    static Result<Socket> open_listener();

    Result<void> send(std::span<const std::byte> messages);
    // One datagram, which holds whole messages. Valid until the next call. Empty: nothing is waiting.
    // ENOBUFS, which means that events were lost, comes as ErrorCode::overflow.
    Result<std::span<const std::byte>> receive();

    [[nodiscard]] int descriptor() const;
    // Numbers for requests, which their answers repeat: the first of `count` that nothing else was sent with.
    std::uint32_t reserve_sequences(std::size_t count);

private:
    struct Close {
        void operator()(mnl_socket* socket) const noexcept;
    };
    explicit Socket(mnl_socket* socket);
    static Result<Socket> create();

    std::unique_ptr<mnl_socket, Close> socket_;
    std::vector<std::byte> buffer_;
    std::uint32_t next_sequence_ = 1;
};

}  // namespace chainkeeper::repair::nft
