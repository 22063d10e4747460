// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/policy.hpp"
#include "repair/backend.hpp"
#include "repair/restore/transport.hpp"

#include <functional>
#include <utility>

namespace chainkeeper::daemon {

// A backend, written to directly or through the node's own iptables-restore, as the policy in force says.
class ChosenTransport final : public repair::Backend {
public:
    // Told when a program of ours may have written to a family, which `direct` did not see happen.
    using Wrote = std::function<void(repair::Family)>;

    ChosenTransport(repair::Backend& direct, repair::IptablesVariant variant, policies::Transport transport,
                    Wrote wrote = nullptr)
        : direct_{direct}, restore_{direct, {.variant = variant}}, transport_{transport}, wrote_{std::move(wrote)}
    {
    }

    void choose(policies::Transport transport) { transport_ = transport; }

    repair::Result<repair::Snapshot> observe(const repair::DesiredState& desired) override
    {
        return restore_.observe(desired);
    }
    repair::Outcome commit(const repair::Plan& plan) override
    {
        if (transport_ == policies::Transport::direct)
            return direct_.commit(plan);
        auto outcome = restore_.commit(plan);
        if (wrote_ && !outcome.transactions.empty())
            wrote_(plan.family);
        return outcome;
    }

private:
    repair::Backend& direct_;
    repair::RestoreTransport restore_;
    policies::Transport transport_;
    Wrote wrote_;
};

}  // namespace chainkeeper::daemon
