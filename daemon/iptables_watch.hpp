// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/backend_evidence.hpp"
#include "daemon/clock.hpp"
#include "daemon/event_loop.hpp"
#include "daemon/file_descriptor.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace chainkeeper::daemon {

// Notices that `iptables` is another program by now (update-alternatives --set iptables …, an upgrade), and asks it
// which backend it has. By inotify on what leads to it: each link in the way, and the program itself.
class IptablesWatch {
public:
    // Nothing: there is none, or it does not say.
    using Answer = std::function<void(std::optional<KnownBackend> says)>;

    // Calls back from the loop, after a change alone; the callback must not destroy this. Needs block_child_signals().
    static repair::Result<std::unique_ptr<IptablesWatch>> start(EventLoop& loop, const Clock& clock, Answer answer);
    IptablesWatch(const IptablesWatch&) = delete;
    IptablesWatch& operator=(const IptablesWatch&) = delete;
    IptablesWatch(IptablesWatch&&) = delete;
    IptablesWatch& operator=(IptablesWatch&&) = delete;
    ~IptablesWatch();

private:
    IptablesWatch(EventLoop& loop, const Clock& clock, Answer answer, FileDescriptor inotify)
        : loop_{loop}, clock_{clock}, answer_{std::move(answer)}, inotify_{std::move(inotify)}
    {
    }

    void watch_way();
    void hear();
    void ask();
    void give(std::optional<KnownBackend> says);

    EventLoop& loop_;
    const Clock& clock_;
    Answer answer_;
    FileDescriptor inotify_;
    std::set<std::string> names_;  // of the links, and of the program
    EventLoop::Watch heard_;
    std::optional<EventLoop::Timer> deadline_;
    FileDescriptor output_;
    std::optional<EventLoop::Watch> running_;
};

// Each path that leads to a program of that name in a PATH ("/usr/sbin/iptables", "/etc/alternatives/iptables",
// "/usr/sbin/iptables-nft", …), the last of them no link; empty where there is none.
std::vector<std::filesystem::path> way_to(const std::string& program, const std::string& path);

}  // namespace chainkeeper::daemon
