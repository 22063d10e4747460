// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/backends.hpp"

namespace chainkeeper::daemon {

void OpenBackends::choose(policies::Transport transport) const
{
    for (auto* const each : {nft_transport.get(), legacy_transport.get()})
        if (each != nullptr)
            each->choose(transport);
}

repair::Result<OpenBackends> open_backends(const policies::Policy& policy)
{
    using repair::IptablesVariant;
    const auto choice = policy.guard.backend;
    const auto transport = policy.repair.transport;
    OpenBackends opened;
    auto nft = repair::nft::NftBackend::open();
    auto legacy = repair::legacy::LegacyBackend::open();
    const bool has_none = !nft && !legacy;
    const bool is_denied = !nft && nft.error().code != repair::ErrorCode::unsupported;
    if (has_none || is_denied || (!nft && choice == policies::BackendChoice::nft))
        return tl::unexpected(nft.error());
    if (!legacy && choice == policies::BackendChoice::legacy)
        return tl::unexpected(legacy.error());
    if (nft) {
        opened.nft = *std::move(nft);
        opened.nft_transport = std::make_unique<ChosenTransport>(*opened.nft, IptablesVariant::nft, transport);
    }
    if (legacy) {
        opened.legacy = *std::move(legacy);
        // What somebody else wrote in the same moment is seen by the look that verifies.
        const auto wrote = [backend = opened.legacy.get()](repair::Family family) {
            static_cast<void>(backend->take_changes(family));
        };
        opened.legacy_transport =
            std::make_unique<ChosenTransport>(*opened.legacy, IptablesVariant::legacy, transport, wrote);
    } else {
        opened.legacy_trouble = legacy.error().what;
    }
    return opened;
}

}  // namespace chainkeeper::daemon
