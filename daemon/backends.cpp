// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/backends.hpp"

namespace chainkeeper::daemon {

repair::Result<OpenBackends> open_backends(policies::BackendChoice choice)
{
    OpenBackends opened;
    auto nft = repair::nft::NftBackend::open();
    auto legacy = repair::legacy::LegacyBackend::open();
    const bool has_none = !nft && !legacy;
    const bool is_denied = !nft && nft.error().code != repair::ErrorCode::unsupported;
    if (has_none || is_denied || (!nft && choice == policies::BackendChoice::nft))
        return tl::unexpected(nft.error());
    if (!legacy && choice == policies::BackendChoice::legacy)
        return tl::unexpected(legacy.error());
    if (nft)
        opened.nft = *std::move(nft);
    if (legacy)
        opened.legacy = *std::move(legacy);
    else
        opened.legacy_trouble = legacy.error().what;
    return opened;
}

}  // namespace chainkeeper::daemon
