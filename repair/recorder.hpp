// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/backend.hpp"

#include <optional>

namespace chainkeeper::repair {

// The dry run: looks through another backend, keeps the last plan that it was given, and writes nothing.
class Recorder final : public Backend {
public:
    explicit Recorder(Backend& observed) : observed_{observed} {}

    Result<Snapshot> observe(const DesiredState& desired) override;
    // Always `recorded`.
    Outcome commit(const Plan& plan) override;

    [[nodiscard]] const std::optional<Plan>& last_plan() const { return last_plan_; }

private:
    Backend& observed_;
    std::optional<Plan> last_plan_;
};

}  // namespace chainkeeper::repair
