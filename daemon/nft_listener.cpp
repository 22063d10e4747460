// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/nft_listener.hpp"

namespace chainkeeper::daemon {

namespace {

// A datagram holds up to a page of events. After this many the loop gets to see its other sources.
constexpr int most_datagrams = 256;

}  // namespace

repair::Result<std::unique_ptr<NftListener>> NftListener::open()
{
    auto socket = repair::nft::Socket::open_listener();
    if (!socket)
        return tl::unexpected(socket.error());
    return std::unique_ptr<NftListener>{new NftListener{*std::move(socket)}};
}

repair::Result<EventSource::Heard> NftListener::read(const std::function<void(const repair::nft::Event&)>& hear)
{
    Heard heard;
    for (int datagrams = 0; datagrams < most_datagrams; ++datagrams) {
        const auto datagram = socket_.receive();
        if (!datagram && datagram.error().code != repair::ErrorCode::overflow)
            return tl::unexpected(datagram.error());
        if (!datagram) {
            heard.lost = true;
            continue;
        }
        if (datagram->empty())
            return heard;
        heard.malformed += repair::nft::read_events(*datagram, hear);
    }
    heard.more = true;
    return heard;
}

}  // namespace chainkeeper::daemon
