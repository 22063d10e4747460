// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/chosen_transport.hpp"
#include "daemon/keeper.hpp"
#include "repair/legacy/backend.hpp"
#include "repair/nft/backend.hpp"

#include <memory>
#include <string>

namespace chainkeeper::daemon {

// The two places where kubelet's chains can be, of the network namespace in which they were opened; at least one.
struct OpenBackends {
    std::unique_ptr<repair::nft::NftBackend> nft;
    std::unique_ptr<repair::legacy::LegacyBackend> legacy;
    std::string legacy_trouble;  // why there is no `legacy`
    // How each is written to.
    std::unique_ptr<ChosenTransport> nft_transport;
    std::unique_ptr<ChosenTransport> legacy_transport;

    [[nodiscard]] Keeper::Backends view() const
    {
        return {.nft = nft_transport.get(), .legacy = legacy_transport.get()};
    }
    void choose(policies::Transport transport) const;
};

// A kernel without nf_tables can have the legacy tables, and one that may not be asked for these can have nf_tables;
// what the policy names has to be there. The error is that of the missing one.
repair::Result<OpenBackends> open_backends(const policies::Policy& policy);

}  // namespace chainkeeper::daemon
