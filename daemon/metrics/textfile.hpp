// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"
#include "daemon/event_loop.hpp"
#include "repair/error.hpp"

#include <filesystem>
#include <functional>
#include <string>

namespace chainkeeper::daemon::metrics {

// The file that node_exporter's textfile collector reads. It is written soon after something has changed, and besides
// when something else wakes the daemon, which the watchdog does: for that alone it wakes nobody.
class Textfile {
public:
    struct Parts {
        const Clock& clock;
        std::function<std::string()> text;
        std::function<void(const std::string& what)> trouble;  // once, until it has been written again
    };
    static repair::Result<Textfile> create(EventLoop& loop, Parts parts);

    // Empty: it is not written. The one that was written elsewhere is removed.
    void move_to(const std::filesystem::path& path);
    // What it tells has changed.
    void changed() { changed_ = true; }
    // To be called after each turn of the loop.
    void after_turn();

private:
    Textfile(EventLoop::Timer timer, Parts parts) : timer_{timer}, parts_{std::move(parts)} {}
    repair::Result<void> write() const;

    EventLoop::Timer timer_;
    Parts parts_;
    std::filesystem::path path_;
    bool changed_ = false;
    bool in_trouble_ = false;
    std::optional<Instant> tried_;  // last
};

}  // namespace chainkeeper::daemon::metrics
