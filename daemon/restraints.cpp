// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/restraints.hpp"

#include "daemon/state_file.hpp"
#include "policies/change_window.hpp"
#include "policies/text_file.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <system_error>
#include <utility>

namespace chainkeeper::daemon {

Restraints::Restraints(const Clock& clock, ReportSink& sink, const std::filesystem::path& state_directory,
                       std::vector<policies::ChangeWindow> windows)
    : clock_{clock}, sink_{sink}, file_{state_directory / "hold.json"}, windows_{std::move(windows)}
{
}

void Restraints::recall()
{
    std::error_code error;
    if (!std::filesystem::exists(file_, error) && !error)
        return;
    const auto text = policies::read_text_file(file_);
    hold_ = text ? hold_from_json(*text) : std::nullopt;
    unreadable_ = !hold_;
    if (hold_)
        return sink_.report(HoldSet{.at = clock_.now(), .hold = *hold_});
    const auto why = text ? fmt::format("{} holds no hold that can be used", file_.string()) : text.error();
    sink_.report(
        Trouble{.at = clock_.now(), .what = fmt::format("{}; nothing is written until `chainkeeper release`", why)});
}

repair::Result<void> Restraints::hold(Hold hold)
{
    if (auto written = write_state_file(file_, to_json(hold)); !written)
        return written;
    hold_ = std::move(hold);
    unreadable_ = false;
    sink_.report(HoldSet{.at = clock_.now(), .hold = *hold_});
    return {};
}

repair::Result<bool> Restraints::release(const std::string& released_by)
{
    if (!hold_ && !unreadable_)
        return false;
    std::error_code error;
    std::filesystem::remove(file_, error);
    if (error)
        return tl::unexpected(repair::Error{repair::ErrorCode::failed,
                                            fmt::format("removing {} failed: {}", file_.string(), error.message())});
    unreadable_ = false;
    if (hold_)
        end_hold(released_by);
    return true;
}

void Restraints::end_hold(const std::string& released_by)
{
    sink_.report(
        HoldEnded{.at = clock_.now(), .hold = *std::exchange(hold_, std::nullopt), .released_by = released_by});
}

Keeper::Restraint Restraints::update()
{
    const auto now = clock_.wall();
    if (hold_ && hold_->until <= now) {
        // Left where it cannot be removed: its time has passed for the next run too.
        std::error_code error;
        std::filesystem::remove(file_, error);
        end_hold("");
    }
    update_window(now);
    return {.write_free = hold_ || unreadable_ || window_open_until_, .stopped = hold_ && hold_->stop};
}

void Restraints::update_window(WallTime now)
{
    const auto before = std::exchange(window_open_until_, policies::open_until(windows_, now));
    if (window_open_until_ && !before)
        sink_.report(WindowOpened{.at = clock_.now(), .until = *window_open_until_});
    if (before && !window_open_until_)
        sink_.report(WindowClosed{.at = clock_.now()});
}

std::optional<WallTime> Restraints::window_opens_next() const
{
    return policies::opens_next(windows_, clock_.wall());
}

std::optional<Instant> Restraints::next_change() const
{
    const auto now = clock_.wall();
    const auto hold_end = hold_ ? hold_->until : WallTime::max();
    const auto window = window_open_until_ ? window_open_until_ : policies::opens_next(windows_, now);
    const auto next = std::min(hold_end, window.value_or(WallTime::max()));
    return next == WallTime::max() ? std::nullopt : std::optional{clock_.now() + (next - now)};
}

}  // namespace chainkeeper::daemon
