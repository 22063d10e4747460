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
#include <sys/ioctl.h>
#include <system_error>
#include <unistd.h>

namespace chainkeeper::daemon {

namespace {

// iptables opens the lock for each command, and closes it when the tables are written.
constexpr std::uint32_t file_events = IN_OPEN | IN_CLOSE | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT;
constexpr std::uint32_t folder_events = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_UNMOUNT | IN_ONLYDIR;

std::string inotify_trouble(std::string_view doing, int error_number)
{
    return fmt::format("{} failed: {}", doing, std::generic_category().message(error_number));
}

// A burst of commands is many events; this many are read in one go, and the rest when the loop comes back.
constexpr std::size_t buffer_size = std::size_t{16} * 1024;

}  // namespace

LegacyListener::LegacyListener(repair::legacy::LegacyBackend& backend, const Clock& clock,
                               std::filesystem::path lock_file, std::filesystem::path proc)
    : backend_{backend}, clock_{clock},
      lock_file_{std::move(lock_file)}, proc_{std::move(proc)}, inotify_{inotify_init1(IN_NONBLOCK | IN_CLOEXEC)}
{
    if (inotify_)
        watch();
    else
        trouble_ = inotify_trouble("watching the xtables lock", errno);
}

// Whatever is there by now. A watch of what is watched already changes nothing; the folder tells of a file to come.
void LegacyListener::watch()
{
    if (!inotify_)
        return;
    const auto folder = lock_file_.parent_path();
    trouble_.clear();
    folder_watch_ = inotify_add_watch(inotify_.number(), folder.c_str(), folder_events);
    if (folder_watch_ < 0)
        trouble_ = inotify_trouble(fmt::format("watching {}", folder.string()), errno);
    if (inotify_add_watch(inotify_.number(), lock_file_.c_str(), file_events) < 0 && errno != ENOENT)
        trouble_ = inotify_trouble(fmt::format("watching {}", lock_file_.string()), errno);
}

LegacyListener::Drained LegacyListener::drain()
{
    const auto name = lock_file_.filename().string();
    alignas(inotify_event) std::array<char, buffer_size> buffer{};
    Drained drained;
    const auto size = ::read(inotify_.number(), buffer.data(), buffer.size());
    for (std::size_t at = 0; size > 0 && at < static_cast<std::size_t>(size);) {
        inotify_event event{};
        std::memcpy(&event, buffer.data() + at, sizeof event);
        const std::string_view named{event.len == 0 ? "" : buffer.data() + at + sizeof event};
        const bool is_elsewhere = event.wd == folder_watch_ && named != name && (event.mask & IN_UNMOUNT) == 0;
        drained.touched = drained.touched || !is_elsewhere || (event.mask & IN_Q_OVERFLOW) != 0;
        drained.opened = drained.opened || (event.mask & IN_OPEN) != 0;
        drained.closed = drained.closed || (event.mask & IN_CLOSE) != 0;
        at += sizeof event + event.len;
    }
    return drained;
}

// Nothing costs more than this where nobody was at the lock: the loop asks for each event of nf_tables, too.
bool LegacyListener::has_news() const
{
    int waiting = 0;
    return writer_told_ || (inotify_ && ioctl(inotify_.number(), FIONREAD, &waiting) == 0 && waiting > 0);
}

// The one that has the lock at this moment, or waits for it; a quick command has come and gone by now.
bool LegacyListener::notice_user()
{
    const auto users = repair::legacy::users_of_lock(lock_file_);
    if (users.empty() || users.front() == getpid())
        return false;
    user_ = read_culprit(proc_, static_cast<std::uint32_t>(users.front()));
    return true;
}

void LegacyListener::hear_writer(Culprit writer)
{
    user_ = std::move(writer);
    writer_told_ = true;
}

repair::Result<std::optional<LegacyWrite>> LegacyListener::read()
{
    if (!has_news())
        return std::nullopt;
    // First of all: a command takes a millisecond, and /proc forgets it when it ends.
    const bool told = std::exchange(writer_told_, false);
    const bool noticed = !told && notice_user();
    const auto drained = drain();
    // Whoever came after the one that was seen has gone unseen.
    if (drained.opened && !noticed && !told)
        user_ = {};
    if (!drained.touched && !told)
        return std::nullopt;
    watch();
    auto write = compare();
    if (!write)
        return tl::unexpected(write.error());
    // Who has done with the lock and changed nothing has nothing to do with what comes next.
    if (drained.closed && write->changed.empty())
        user_ = {};
    return *std::move(write);
}

repair::Result<std::optional<LegacyWrite>> LegacyListener::poll()
{
    watch();
    return compare().map(
        [](LegacyWrite write) { return write.changed.empty() ? std::nullopt : std::optional{std::move(write)}; });
}

repair::Result<LegacyWrite> LegacyListener::compare()
{
    LegacyWrite write{.at = clock_.now(), .changed = {}, .culprit = {}};
    bool took = false;
    for (const auto family : repair::all_families) {
        const auto changes = backend_.take_changes(family);
        if (!changes)
            return tl::unexpected(changes.error());
        for (const auto& change : *changes) {
            write.changed[{.family = family, .table = change.table}] = {.entries_lost = change.entries_lost,
                                                                        .gone = change.gone};
            took = took || change.gone || change.entries_lost > 0;
        }
    }
    // With nothing lost it is the name of whoever wrote what is known to be lost already.
    write.culprit = took ? std::exchange(user_, {}) : user_;
    return write;
}

}  // namespace chainkeeper::daemon
