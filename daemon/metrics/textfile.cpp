// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/metrics/textfile.hpp"

#include "daemon/replacement_file.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <utility>

namespace chainkeeper::daemon::metrics {

namespace {

// A storm of changes is told of no more often.
constexpr Duration shortest_pace = std::chrono::seconds{1};

// What is younger says well enough that the daemon is there.
constexpr Duration fresh = std::chrono::seconds{10};

// node_exporter has a user of its own.
constexpr mode_t readable_by_all = 0644;

}  // namespace

repair::Result<Textfile> Textfile::create(EventLoop& loop, Parts parts)
{
    // It only wakes the loop: what is to be done is done after the turn.
    return loop.add_timer([] {}).map([&](EventLoop::Timer timer) { return Textfile{timer, std::move(parts)}; });
}

void Textfile::move_to(const std::filesystem::path& path)
{
    const auto before = std::exchange(path_, path);
    if (before == path)
        return;
    if (!before.empty() && unlink(before.c_str()) != 0 && errno != ENOENT)
        parts_.trouble(file_error(fmt::format("removing {}", before.string()), errno).what);
    tried_.reset();
    changed();
}

void Textfile::after_turn()
{
    const auto now = parts_.clock.now();
    if (path_.empty() || (!changed_ && tried_ && now - *tried_ < fresh))
        return;
    if (tried_ && now - *tried_ < shortest_pace)
        return timer_.set(*tried_ + shortest_pace);
    tried_ = now;
    changed_ = false;
    const auto written = write();
    if (!written && !in_trouble_)
        parts_.trouble(written.error().what);
    in_trouble_ = !written.has_value();
}

repair::Result<void> Textfile::write() const
{
    // Its temporary name does not end in ".prom", so that nobody reads half of it.
    auto file = ReplacementFile::begin(path_, readable_by_all);
    if (!file)
        return tl::unexpected(file.error());
    return file->write(parts_.text()).and_then([&] { return file->finish_unsynced(); });
}

}  // namespace chainkeeper::daemon::metrics
