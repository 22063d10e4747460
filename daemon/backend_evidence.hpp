// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/policy.hpp"
#include "repair/error.hpp"
#include "repair/iptables_variant.hpp"

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace chainkeeper::daemon {

using KnownBackend = repair::IptablesVariant;

// "nf_tables", "iptables-legacy's tables": for sentences.
std::string_view place_of(KnownBackend backend);
KnownBackend other_than(KnownBackend backend);

// What speaks for the backend that kubelet uses. The policy decides; else two witnesses that disagree make it
// ambiguous, and so does none at all: a chain in the wrong backend misleads everybody who looks for kubelet's.
struct BackendEvidence {
    policies::BackendChoice policy = policies::BackendChoice::automatic;
    // Where there are guarded chains that we did not write. Chains in both say nothing, for one of them is a leftover:
    // then both of the other witnesses have to be there.
    std::set<KnownBackend> present;
    std::optional<KnownBackend> remembered;     // where kubelet's chains were: first seen, or last beyond doubt
    std::optional<KnownBackend> iptables_says;  // `iptables -V`

    // The backend, where it is beyond doubt.
    [[nodiscard]] std::optional<KnownBackend> backend() const;
    // "guarded chains are in nf_tables; iptables -V says legacy"
    [[nodiscard]] std::string describe() const;
};

// What the `iptables` of this machine says of itself. Nothing where there is none.
std::optional<KnownBackend> ask_iptables();

// The backend remembered in the state directory. What cannot be read is not remembered.
std::optional<KnownBackend> remembered_backend(const std::filesystem::path& state_directory);
repair::Result<void> remember_backend(const std::filesystem::path& state_directory, KnownBackend backend);

}  // namespace chainkeeper::daemon
