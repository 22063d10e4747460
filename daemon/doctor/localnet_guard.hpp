// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <tl/expected.hpp>

namespace chainkeeper::daemon::doctor {

// Whether kubelet's KUBE-FIREWALL drops what comes from outside for 127.0.0.0/8. Where it cannot be told, why.
using GuardSeen = tl::expected<bool, std::string>;

class LocalnetGuard {
public:
    LocalnetGuard() = default;
    LocalnetGuard(const LocalnetGuard&) = delete;
    LocalnetGuard& operator=(const LocalnetGuard&) = delete;
    LocalnetGuard(LocalnetGuard&&) = delete;
    LocalnetGuard& operator=(LocalnetGuard&&) = delete;
    virtual ~LocalnetGuard() = default;

    [[nodiscard]] virtual GuardSeen stands() const = 0;
};

// Of the ruleset of this network namespace: the jump from INPUT, the chain and its rule are as kubelet writes them, in
// either backend, and before them no rule takes every packet away, unless it drops or rejects them: in INPUT, in a
// chain that INPUT leads to before, or (but for a goto) in KUBE-FIREWALL itself.
class KernelLocalnetGuard final : public LocalnetGuard {
public:
    [[nodiscard]] GuardSeen stands() const override;
};

// Of an image, which has no ruleset.
class NoLocalnetGuard final : public LocalnetGuard {
public:
    [[nodiscard]] GuardSeen stands() const override;
};

}  // namespace chainkeeper::daemon::doctor
