// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"

namespace chainkeeper::daemon::doctor {

// Does the kernel have what kubelet's chains, kube-proxy and network plugins need: the kernel that runs or, of an
// image, each that is installed?
class ModulesCheck final : public Check {
public:
    [[nodiscard]] std::string_view name() const override { return "modules"; }
    [[nodiscard]] std::string_view question() const override { return "has the kernel the modules that are needed?"; }
    [[nodiscard]] bool is_preflight() const override { return true; }
    [[nodiscard]] Judgement examine(const Node& node) const override;
};

}  // namespace chainkeeper::daemon::doctor
