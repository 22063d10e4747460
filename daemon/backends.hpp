// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

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

    [[nodiscard]] Keeper::Backends view() const { return {.nft = nft.get(), .legacy = legacy.get()}; }
};

// A kernel without nf_tables can have the legacy tables, and one that may not be asked for these can have nf_tables;
// what the policy names has to be there. The error is that of the missing one.
repair::Result<OpenBackends> open_backends(policies::BackendChoice choice);

}  // namespace chainkeeper::daemon
