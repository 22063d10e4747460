// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"
#include "daemon/hold.hpp"
#include "daemon/keeper.hpp"
#include "daemon/report.hpp"
#include "policies/policy.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace chainkeeper::daemon {

// What keeps the daemon from writing for a while: an operator's hold, which is kept on disk, and the policy's change
// windows.
class Restraints {
public:
    // The hold is kept in `state_directory`/hold.json.
    Restraints(const Clock& clock, ReportSink& sink, const std::filesystem::path& state_directory,
               std::vector<policies::ChangeWindow> windows);

    // The hold that an earlier run has left. One that cannot be read holds until it is released or replaced.
    void recall();
    // Replaces the one there is. An error when it could not be kept over a restart; then the old one stays.
    repair::Result<void> hold(Hold hold);
    // False: there was none.
    repair::Result<bool> release(const std::string& released_by);
    void adopt(std::vector<policies::ChangeWindow> windows) { windows_ = std::move(windows); }

    // What is in force now. Reports what has begun and ended since the last call.
    Keeper::Restraint update();
    // When update() will say something else; the wall clock may be set before.
    [[nodiscard]] std::optional<Instant> next_change() const;

    [[nodiscard]] const std::optional<Hold>& hold() const { return hold_; }
    [[nodiscard]] const std::optional<WallTime>& window_open_until() const { return window_open_until_; }
    [[nodiscard]] std::optional<WallTime> window_opens_next() const;

private:
    void end_hold(const std::string& released_by);
    void update_window(WallTime now);

    const Clock& clock_;
    ReportSink& sink_;
    std::filesystem::path file_;
    std::vector<policies::ChangeWindow> windows_;
    std::optional<Hold> hold_;
    bool unreadable_ = false;  // there is a hold, and nobody knows which
    std::optional<WallTime> window_open_until_;
};

}  // namespace chainkeeper::daemon
