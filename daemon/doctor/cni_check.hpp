// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/check.hpp"

namespace chainkeeper::daemon::doctor {

// Is there a network configuration that a container runtime can use, and are its plugins there? Of several files in
// /etc/cni/net.d a runtime takes the first; what is wrong with another is a warning.
class CniCheck final : public Check {
public:
    [[nodiscard]] std::string_view name() const override { return "cni"; }
    [[nodiscard]] std::string_view question() const override
    {
        return "is there a valid CNI configuration, and its plugins?";
    }
    [[nodiscard]] Judgement examine(const Node& node) const override;
};

}  // namespace chainkeeper::daemon::doctor
