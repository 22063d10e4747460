// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/legacy_listener.hpp"

#include "repair/legacy/lock.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <string>
#include <string_view>
#include <sys/inotify.h>
#include <unistd.h>

namespace chainkeeper::daemon {

namespace {

// iptables opens the lock for each command, and closes it when the tables are written.
constexpr std::uint32_t file_events = IN_OPEN | IN_CLOSE | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT;
constexpr std::uint32_t folder_events = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_UNMOUNT | IN_ONLYDIR;

repair::Error inotify_error(std::string_view doing, int error_number)
{
    return {repair::ErrorCode::failed,
            fmt::format("{} failed: {}", doing, std::generic_category().message(error_number))};
}

// A burst of commands is many events; this many are read in one go, and the rest when the loop comes back.
constexpr std::size_t buffer_size = std::size_t{16} * 1024;

}  // namespace

repair::Result<std::unique_ptr<LegacyListener>> LegacyListener::open(repair::legacy::LegacyBackend& backend,
                                                                     const Clock& clock,
                                                                     std::filesystem::path lock_file,
                                                                     std::filesystem::path proc)
{
    FileDescriptor inotify{inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
    if (!inotify)
        return tl::unexpected(inotify_error("watching the xtables lock", errno));
    std::unique_ptr<LegacyListener> listener{new LegacyListener{
        Deps{.backend = backend, .clock = clock, .lock_file = std::move(lock_file), .proc = std::move(proc)},
        std::move(inotify)}};
    return listener->watch().map([&] { return std::move(listener); });
}

// Whatever is there by now. A watch of what is watched already changes nothing; the folder tells of a file to come.
repair::Result<void> LegacyListener::watch()
{
    const auto folder = deps_.lock_file.parent_path();
    folder_watch_ = inotify_add_watch(inotify_.number(), folder.c_str(), folder_events);
    if (folder_watch_ < 0)
        return tl::unexpected(inotify_error(fmt::format("watching {}", folder.string()), errno));
    file_watch_ = inotify_add_watch(inotify_.number(), deps_.lock_file.c_str(), file_events);
    if (file_watch_ < 0 && errno != ENOENT)
        return tl::unexpected(inotify_error(fmt::format("watching {}", deps_.lock_file.string()), errno));
    return {};
}

// True where somebody was at the file.
bool LegacyListener::drain()
{
    const auto name = deps_.lock_file.filename().string();
    alignas(inotify_event) std::array<char, buffer_size> buffer{};
    bool touched = false;
    const auto size = ::read(inotify_.number(), buffer.data(), buffer.size());
    for (std::size_t at = 0; size > 0 && at < static_cast<std::size_t>(size);) {
        inotify_event event{};
        std::memcpy(&event, buffer.data() + at, sizeof event);
        const std::string_view named{event.len == 0 ? "" : buffer.data() + at + sizeof event};
        const bool is_elsewhere = event.wd == folder_watch_ && named != name && (event.mask & IN_UNMOUNT) == 0;
        touched = touched || !is_elsewhere || (event.mask & IN_Q_OVERFLOW) != 0;
        at += sizeof event + event.len;
    }
    return touched;
}

// The one that has the lock at this moment, or waits for it; a quick command has come and gone by now.
void LegacyListener::notice_user()
{
    const auto users = repair::legacy::users_of_lock(deps_.lock_file);
    if (!users.empty() && users.front() != getpid())
        user_ = read_culprit(deps_.proc, static_cast<std::uint32_t>(users.front()));
}

void LegacyListener::hear_writer(Culprit writer)
{
    user_ = std::move(writer);
    writer_told_ = true;
}

repair::Result<std::optional<LegacyWrite>> LegacyListener::read()
{
    // First of all: a command takes a millisecond, and /proc forgets it when it ends.
    if (!writer_told_)
        notice_user();
    const bool told = std::exchange(writer_told_, false);
    if (!drain() && !told)
        return std::nullopt;
    return watch().and_then([&] { return compare(); }).map([](LegacyWrite write) {
        return std::optional{std::move(write)};
    });
}

repair::Result<std::optional<LegacyWrite>> LegacyListener::poll()
{
    return watch().and_then([&] { return compare(); }).map([](LegacyWrite write) {
        return write.changed.empty() ? std::nullopt : std::optional{std::move(write)};
    });
}

repair::Result<LegacyWrite> LegacyListener::compare()
{
    LegacyWrite write{.at = deps_.clock.now(), .changed = {}, .losses = {}, .culprit = {}};
    for (const auto family : repair::all_families) {
        const auto changes = deps_.backend.take_changes(family);
        if (!changes)
            return tl::unexpected(changes.error());
        for (const auto& change : *changes) {
            write.changed.insert({.family = family, .table = change.table});
            write.losses.entries += change.entries_lost;
            write.losses.tables += change.gone ? 1 : 0;
        }
    }
    // With nothing lost it is the name of whoever wrote what is known to be lost already.
    write.culprit = write.losses.any() ? std::exchange(user_, {}) : user_;
    return write;
}

}  // namespace chainkeeper::daemon
