// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"
#include "daemon/file_descriptor.hpp"
#include "daemon/legacy_write.hpp"
#include "repair/legacy/backend.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace chainkeeper::daemon {

// Hears of iptables-legacy, of which the kernel tells nothing: every command of it but iptables-legacy-save opens and
// closes the file of the xtables lock, and inotify sees that. The file may be made later, or be replaced. What somebody
// did who takes no lock, and what was missed because something was mounted over the file, is found out by poll().
class LegacyListener {
public:
    // Of the network namespace of the backend, which has to outlive it. `proc` is "/proc" but in tests.
    LegacyListener(repair::legacy::LegacyBackend& backend, const Clock& clock, std::filesystem::path lock_file,
                   std::filesystem::path proc = "/proc");

    // -1 where there is no inotify to be had (fs.inotify.max_user_instances): then poll() is all there is.
    [[nodiscard]] int descriptor() const { return inotify_.number(); }
    // Why the lock cannot be watched; empty while it is.
    [[nodiscard]] const std::string& trouble() const { return trouble_; }
    // Who writes, by audit; it may be told late. The next read() looks for what they wrote.
    void hear_writer(Culprit writer);
    // Without waiting: what was heard since the last time, as one. Nothing where it was nothing.
    repair::Result<std::optional<LegacyWrite>> read();
    // Asks the kernel for the sizes of the tables. Nothing where they are as they were seen last.
    repair::Result<std::optional<LegacyWrite>> poll();

private:
    void watch();
    struct Drained {
        bool touched = false;
        bool opened = false;
        bool closed = false;  // somebody has done with the lock
    };
    [[nodiscard]] Drained drain();
    [[nodiscard]] bool has_news() const;
    [[nodiscard]] bool notice_user();
    repair::Result<LegacyWrite> compare();

    repair::legacy::LegacyBackend& backend_;
    const Clock& clock_;
    std::filesystem::path lock_file_;
    std::filesystem::path proc_;
    FileDescriptor inotify_;
    std::string trouble_;
    int folder_watch_ = -1;
    bool writer_told_ = false;
    Culprit user_;  // who was seen with the lock since the last write
};

}  // namespace chainkeeper::daemon
