// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/event_source.hpp"
#include "repair/nft/socket.hpp"

#include <memory>

namespace chainkeeper::daemon {

// The nf_tables multicast group of the network namespace in which it was opened.
class NftListener final : public EventSource {
public:
    static repair::Result<std::unique_ptr<NftListener>> open();

    [[nodiscard]] int descriptor() const override { return socket_.descriptor(); }
    repair::Result<Heard> read(const std::function<void(const repair::nft::Event&)>& hear) override;

private:
    explicit NftListener(repair::nft::Socket socket) : socket_{std::move(socket)} {}

    repair::nft::Socket socket_;
};

}  // namespace chainkeeper::daemon
