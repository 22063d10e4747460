// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet/kubelet_journal.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fmt/format.h>
#include <string_view>
#include <system_error>
#include <systemd/sd-journal.h>
#include <utility>

namespace chainkeeper::daemon {

namespace {

constexpr std::string_view message_prefix = "MESSAGE=";

// What is longer is no line of ours (journal_line.cpp): a large compressed message is not unpacked in full for it.
constexpr std::size_t most_of_a_message = 8192;

// How often a journal is tried that cannot be opened when the window has closed already.
constexpr unsigned late_attempts = 3;

// repair::system_error() would speak of netfilter where permission or a compression is missing.
tl::unexpected<repair::Error> failed(const char* doing, int result)
{
    return tl::unexpected(repair::Error{repair::ErrorCode::failed,
                                        fmt::format("{} failed: {}", doing, std::generic_category().message(-result))});
}

tl::unexpected<repair::Error> no_journal()
{
    return tl::unexpected(repair::Error{repair::ErrorCode::failed,
                                        "kubelet's log cannot be read: there is no journal that may be read in "
                                        "/var/log/journal or /run/log/journal"});
}

bool is_invocation(std::string_view text)
{
    const auto is_hexadecimal = [](char character) {
        return (character >= '0' && character <= '9') || (character >= 'a' && character <= 'f');
    };
    return text.size() == 32 && std::ranges::all_of(text, is_hexadecimal);
}

// The entry's message; empty where it has none.
repair::Result<std::string_view> message_of(sd_journal* journal)
{
    const void* field = nullptr;
    std::size_t size = 0;
    const int result = sd_journal_get_data(journal, "MESSAGE", &field, &size);
    if (result == -ENOENT)
        return std::string_view{};
    if (result < 0)
        return failed("reading an entry of kubelet's log", result);
    return std::string_view{static_cast<const char*>(field), size}.substr(std::min(size, message_prefix.size()));
}

}  // namespace

void KubeletJournal::Close::operator()(sd_journal* journal) const noexcept
{
    sd_journal_close(journal);
}

KubeletJournal::KubeletJournal(EventLoop& loop, const Clock& clock, Callbacks callbacks, Settings settings)
    : loop_{loop}, clock_{clock}, callbacks_{std::move(callbacks)}, settings_{std::move(settings)}
{
}

repair::Result<std::unique_ptr<KubeletJournal>> KubeletJournal::create(EventLoop& loop, const Clock& clock,
                                                                       Callbacks callbacks, Settings settings)
{
    std::unique_ptr<KubeletJournal> journal{new KubeletJournal{loop, clock, std::move(callbacks), std::move(settings)}};
    const auto timer = loop.add_timer([self = journal.get()] { self->wake(); });
    if (!timer)
        return tl::unexpected(timer.error());
    journal->timer_ = *timer;
    return journal;
}

KubeletJournal::~KubeletJournal()
{
    stop();
}

repair::Result<void> KubeletJournal::follow(const std::string& invocation, Instant active_since)
{
    stop();
    if (!is_invocation(invocation))
        return tl::unexpected(
            repair::Error{repair::ErrorCode::failed, "kubelet's invocation id is not 32 hexadecimal digits"});
    followed_ = Followed{.match = "_SYSTEMD_INVOCATION_ID=" + invocation,
                         .window_end = active_since + settings_.window,
                         .failures = 0,
                         .trouble = {}};
    timer_->set(clock_.now());
    return {};
}

void KubeletJournal::stop()
{
    close();
    followed_.reset();
    ++round_;
    if (timer_)
        timer_->set(std::nullopt);
}

void KubeletJournal::close()
{
    watch_ = EventLoop::Watch{};
    journal_.reset();
}

// The journal was written to, or the time has come to go on.
void KubeletJournal::wake()
{
    if (!followed_)
        return;
    const auto opened = journal_ ? repair::Result<void>{} : open();
    if (!opened)
        return retry(opened.error());
    const auto progress = read();
    if (!progress)
        return retry(progress.error());
    go_on(*progress);
}

repair::Result<KubeletJournal::Journal> KubeletJournal::open_files() const
{
    sd_journal* handle = nullptr;
    const auto& directory = settings_.directory;
    const int result = directory.empty() ? sd_journal_open(&handle, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM)
                                         : sd_journal_open_directory(&handle, directory.c_str(), 0);
    Journal journal{handle};
    if (result < 0)
        return failed("opening the journal for kubelet's log", result);
    // Without any file there may be no directory either that would tell of the first one: it is tried again later.
    if (directory.empty() && sd_journal_has_runtime_files(handle) == 0 && sd_journal_has_persistent_files(handle) == 0)
        return no_journal();
    return journal;
}

repair::Result<void> KubeletJournal::open()
{
    auto journal = open_files();
    if (!journal)
        return tl::unexpected(journal.error());
    auto* const handle = journal->get();
    sd_journal_set_data_threshold(handle, most_of_a_message);
    if (const int result = sd_journal_add_match(handle, followed_->match.c_str(), 0); result < 0)
        return failed("choosing kubelet's log from the journal", result);
    // Before the first entry is read, so that none falls between.
    const int descriptor = sd_journal_get_fd(handle);
    if (descriptor < 0)
        return failed("watching the journal", descriptor);
    if (const int result = sd_journal_seek_head(handle); result < 0)
        return failed("going to the head of kubelet's log", result);
    auto watch = loop_.watch_readable(descriptor, [this] { wake(); });
    if (!watch)
        return tl::unexpected(watch.error());
    journal_ = *std::move(journal);
    watch_ = *std::move(watch);
    return {};
}

// SD_JOURNAL_INVALIDATE, which tells of files that came or went, needs nothing more: sd_journal_next() goes on from the
// entry that it stands at, in whatever files there are.
repair::Result<KubeletJournal::Progress> KubeletJournal::read()
{
    if (const int result = sd_journal_process(journal_.get()); result < 0)
        return failed("hearing of changes of the journal", result);
    return read_portion();
}

repair::Result<KubeletJournal::Progress> KubeletJournal::read_portion()
{
    for (std::size_t count = 0; count < settings_.portion; ++count) {
        const int result = sd_journal_next(journal_.get());
        if (result < 0)
            return failed("reading kubelet's log", result);
        if (result == 0)
            return Progress::end;
        auto progress = read_entry();
        if (!progress || *progress != Progress::more)
            return progress;
    }
    return Progress::more;
}

repair::Result<KubeletJournal::Progress> KubeletJournal::read_entry()
{
    if (is_past_window())
        return Progress::past_window;
    const auto message = message_of(journal_.get());
    if (!message)
        return followed_->failures == 0 ? repair::Result<Progress>{tl::unexpected(message.error())} : Progress::more;
    const auto round = round_;
    if (const auto line = kubelet_line_from_message(*message))
        callbacks_.line(*line);
    else if (callbacks_.other)
        callbacks_.other(*message);
    return round == round_ ? Progress::more : Progress::stopped;
}

// An entry whose time cannot be read is within it.
bool KubeletJournal::is_past_window() const
{
    std::uint64_t time = 0;  // µs of CLOCK_MONOTONIC
    sd_id128_t boot{};
    if (sd_journal_get_monotonic_usec(journal_.get(), &time, &boot) < 0)
        return false;
    const auto end = std::chrono::floor<std::chrono::microseconds>(followed_->window_end.time_since_epoch());
    return time > static_cast<std::uint64_t>(std::max<std::int64_t>(end.count(), 0));
}

void KubeletJournal::go_on(Progress progress)
{
    switch (progress) {
    case Progress::more: timer_->set(clock_.now()); break;
    case Progress::end: wait_for_more(); break;
    case Progress::past_window: give_up(); break;
    case Progress::stopped: break;
    }
}

void KubeletJournal::wait_for_more()
{
    if (clock_.now() >= followed_->window_end)
        return give_up();
    if (callbacks_.caught_up) {
        const auto round = round_;
        callbacks_.caught_up();
        if (round != round_)
            return;
    }
    // On a network file system inotify does not tell of everything, and sd-journal wants to look by itself.
    std::uint64_t look_again = UINT64_MAX;
    const bool must_look = sd_journal_get_timeout(journal_.get(), &look_again) > 0 && look_again != UINT64_MAX;
    const auto look_at = must_look ? Instant{std::chrono::microseconds{look_again}} : followed_->window_end;
    timer_->set(std::min(look_at, followed_->window_end));
}

void KubeletJournal::retry(const repair::Error& error)
{
    close();
    ++followed_->failures;
    if (std::exchange(followed_->trouble, error.what) != error.what) {
        const auto round = round_;
        callbacks_.trouble(error.what);
        if (round != round_)
            return;
    }
    if (clock_.now() >= followed_->window_end && followed_->failures >= late_attempts)
        return give_up();
    timer_->set(clock_.now() + settings_.retry_after);
}

void KubeletJournal::give_up()
{
    stop();
    callbacks_.gave_up();
}

}  // namespace chainkeeper::daemon
