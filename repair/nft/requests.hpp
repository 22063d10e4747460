// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"
#include "repair/nft/message.hpp"
#include "repair/nft/socket.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace chainkeeper::repair::nft {

struct NamedAttribute {
    std::uint16_t type;
    std::string_view name;
};

// Requests that go out in one datagram, and are answered in their order.
class Requests {
public:
    explicit Requests(Socket& socket) : socket_{socket} {}

    // NFT_MSG_*, NFPROTO_*, NLM_F_*. Returns the number that the answers repeat.
    std::uint32_t add(std::uint16_t message, std::uint8_t protocol, std::uint16_t flags,
                      std::initializer_list<NamedAttribute> attributes);
    Result<void> send();

private:
    Socket& socket_;
    std::vector<std::byte> bytes_;
    std::size_t used_ = 0;
};

// Hands every waiting message to `take`, until that says that it has what it came for.
Result<void> receive_until(Socket& socket, const std::function<Result<bool>(const Message&)>& take);

// The last message of a dump (NLMSG_DONE): one that the kernel broke off says so in it.
Result<void> dump_ended(const Message& message);

}  // namespace chainkeeper::repair::nft
