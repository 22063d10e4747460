// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/policy.hpp"
#include "repair/backend.hpp"
#include "repair/restore/transport.hpp"

namespace chainkeeper::daemon {

// A backend, written to directly or through the node's own iptables-restore, as the policy in force says.
class ChosenTransport final : public repair::Backend {
public:
    ChosenTransport(repair::Backend& direct, repair::IptablesVariant variant, policies::Transport transport)
        : direct_{direct}, restore_{direct, {.variant = variant}}, transport_{transport}
    {
    }

    void choose(policies::Transport transport) { transport_ = transport; }

    repair::Result<repair::Snapshot> observe(const repair::DesiredState& desired) override
    {
        return restore_.observe(desired);
    }
    repair::Outcome commit(const repair::Plan& plan) override
    {
        return transport_ == policies::Transport::direct ? direct_.commit(plan) : restore_.commit(plan);
    }

private:
    repair::Backend& direct_;
    repair::RestoreTransport restore_;
    policies::Transport transport_;
};

}  // namespace chainkeeper::daemon
