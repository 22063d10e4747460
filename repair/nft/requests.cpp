// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/requests.hpp"

#include <cstring>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <span>
#include <string>

namespace chainkeeper::repair::nft {

namespace {

// The longest request names a table and a chain: two headers and two names of NFT_NAME_MAXLEN at the most.
constexpr std::size_t longest_request = 1024;

}  // namespace

std::uint32_t Requests::add(std::uint16_t message, std::uint8_t protocol, std::uint16_t flags,
                            std::initializer_list<NamedAttribute> attributes)
{
    bytes_.resize(used_ + longest_request);
    const auto sequence = socket_.reserve_sequences(1);
    auto* const header = nftnl_nlmsg_build_hdr(static_cast<char*>(static_cast<void*>(bytes_.data() + used_)), message,
                                               protocol, flags, sequence);
    for (const auto& [type, name] : attributes)
        mnl_attr_put_strz(header, type, std::string{name}.c_str());
    used_ += MNL_ALIGN(header->nlmsg_len);
    return sequence;
}

Result<void> Requests::send()
{
    return socket_.send(std::span{bytes_}.first(used_));
}

Result<void> receive_until(Socket& socket, const std::function<Result<bool>(const Message&)>& take)
{
    for (;;) {
        auto datagram = socket.receive();
        if (!datagram)
            return tl::unexpected(datagram.error());
        if (datagram->empty())
            return tl::unexpected(Error{ErrorCode::protocol, "nf_tables gave no answer"});
        while (const auto message = take_message(*datagram)) {
            const auto finished = take(*message);
            if (!finished)
                return tl::unexpected(finished.error());
            if (*finished)
                return {};
        }
    }
}

Result<void> dump_ended(const Message& message)
{
    std::int32_t error = 0;
    if (message.payload.size() >= sizeof error)
        std::memcpy(&error, message.payload.data(), sizeof error);
    if (error < 0)
        return tl::unexpected(system_error("reading the rules of nf_tables", -error));
    return {};
}

}  // namespace chainkeeper::repair::nft
