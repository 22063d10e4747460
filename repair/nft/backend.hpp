// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/backend.hpp"
#include "repair/nft/socket.hpp"

#include <memory>

namespace chainkeeper::repair::nft {

// nf_tables over one netlink socket. A look asks for the guarded tables and chains by name, in one datagram, and for
// the rules of those chains; never for all of anything. It is taken again until it is equal to the one before, for 50
// ms at the most.
class NftBackend final : public Backend {
public:
    // In the network namespace of the calling thread. Fails without CAP_NET_ADMIN there, and without nf_tables.
    static Result<std::unique_ptr<NftBackend>> open();

    Result<Snapshot> observe(const DesiredState& desired) override;
    Outcome commit(const Plan& plan) override;

    // The number of the ruleset's last transaction.
    Result<std::uint32_t> generation();

private:
    explicit NftBackend(Socket socket) : socket_{std::move(socket)} {}

    Socket socket_;
};

}  // namespace chainkeeper::repair::nft
