// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"
#include "daemon/file_descriptor.hpp"
#include "daemon/legacy_write.hpp"
#include "repair/legacy/backend.hpp"

#include <filesystem>
#include <memory>
#include <optional>

namespace chainkeeper::daemon {

// Hears of iptables-legacy, of which the kernel tells nothing: every command of it but iptables-legacy-save opens and
// closes the file of the xtables lock, and inotify sees that. The file may be made later, or be replaced. What somebody
// did who takes no lock, and what was missed because something was mounted over the file, is found out by poll().
class LegacyListener {
public:
    // Of the network namespace of the backend, which has to outlive it. `proc` is "/proc" but in tests.
    static repair::Result<std::unique_ptr<LegacyListener>> open(repair::legacy::LegacyBackend& backend,
                                                                const Clock& clock, std::filesystem::path lock_file,
                                                                std::filesystem::path proc = "/proc");

    [[nodiscard]] int descriptor() const { return inotify_.number(); }
    // Who writes, by audit; it may be told late. The next read() looks for what they wrote.
    void hear_writer(Culprit writer);
    // Without waiting: what was heard since the last time, as one. Nothing where it was nothing.
    repair::Result<std::optional<LegacyWrite>> read();
    // Asks the kernel for the sizes of the tables. Nothing where they are as they were seen last.
    repair::Result<std::optional<LegacyWrite>> poll();

private:
    struct Deps {
        repair::legacy::LegacyBackend& backend;
        const Clock& clock;
        std::filesystem::path lock_file;
        std::filesystem::path proc;
    };
    LegacyListener(Deps deps, FileDescriptor inotify) : deps_{std::move(deps)}, inotify_{std::move(inotify)} {}

    repair::Result<void> watch();
    [[nodiscard]] bool drain();
    void notice_user();
    repair::Result<LegacyWrite> compare();

    Deps deps_;
    FileDescriptor inotify_;
    int folder_watch_ = -1;
    int file_watch_ = -1;
    bool writer_told_ = false;
    Culprit user_;  // who was seen with the lock since the last write
};

}  // namespace chainkeeper::daemon
