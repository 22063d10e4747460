// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"
#include "daemon/event_loop.hpp"
#include "daemon/kubelet/journal_line.hpp"
#include "repair/error.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sd_journal;

namespace chainkeeper::daemon {

// Follows kubelet's log in the journal, of one invocation of its unit at a time: from the head of the invocation, and
// on as kubelet writes, for as long as the window is open. kubelet reports on its chains when it starts, and every
// write to the journal wakes whoever follows it: whoever has heard what it was to hear calls stop().
//
// A journal that fails under way (rotated away, damaged) is opened again and read from the head. So a line may be
// delivered twice, and an entry that cannot be read then either is passed over. A journal that is not there is tried
// again until the window closes.
class KubeletJournal {
public:
    // May call follow() and stop(), and must not destroy the journal.
    struct Callbacks {
        std::function<void(const KubeletLine&)> line;
        // A sentence about what keeps the journal from being read; not the same one twice in a row.
        std::function<void(const std::string&)> trouble;
        // The window has closed, all that was logged within it was delivered, and nothing more will be.
        std::function<void()> gave_up;
        // Any other message, as it was logged. May be left out.
        std::function<void(std::string_view)> other = {};
        // All that was logged so far was delivered. May be left out.
        std::function<void()> caught_up = {};
    };
    struct Settings {
        std::filesystem::path directory;                  // of journal files; empty: this machine's own
        Duration window = std::chrono::minutes{10};       // from the start of the invocation
        Duration retry_after = std::chrono::seconds{10};  // a journal that failed, or that is not there
        std::size_t portion = 256;                        // entries that are read at a stretch
    };

    // The loop and the clock have to outlive the journal.
    static repair::Result<std::unique_ptr<KubeletJournal>> create(EventLoop& loop, const Clock& clock,
                                                                  Callbacks callbacks, Settings settings);
    KubeletJournal(const KubeletJournal&) = delete;
    KubeletJournal& operator=(const KubeletJournal&) = delete;
    KubeletJournal(KubeletJournal&&) = delete;
    KubeletJournal& operator=(KubeletJournal&&) = delete;
    ~KubeletJournal();

    // Instead of what was followed before. `invocation` is systemd's InvocationID: 32 hexadecimal digits, or it is an
    // error. Calls back from the loop, never from within this call.
    repair::Result<void> follow(const std::string& invocation, Instant active_since);
    // Closes the journal: it wakes nobody any more.
    void stop();
    [[nodiscard]] bool is_following() const { return followed_.has_value(); }

private:
    struct Close {
        void operator()(sd_journal* journal) const noexcept;
    };
    using Journal = std::unique_ptr<sd_journal, Close>;
    struct Followed {
        std::string match;  // "_SYSTEMD_INVOCATION_ID=…"
        Instant window_end;
        unsigned failures = 0;
        std::string trouble;  // the last that was reported
    };
    enum class Progress { more, end, past_window, stopped };

    KubeletJournal(EventLoop& loop, const Clock& clock, Callbacks callbacks, Settings settings);

    void wake();
    repair::Result<void> open();
    [[nodiscard]] repair::Result<Journal> open_files() const;
    repair::Result<Progress> read();
    repair::Result<Progress> read_portion();
    repair::Result<Progress> read_entry();
    [[nodiscard]] bool is_past_window() const;
    void go_on(Progress progress);
    void wait_for_more();
    void close();
    void retry(const repair::Error& error);
    void give_up();

    EventLoop& loop_;
    const Clock& clock_;
    Callbacks callbacks_;
    Settings settings_;
    std::optional<EventLoop::Timer> timer_;
    std::optional<Followed> followed_;
    unsigned round_ = 0;  // counts follow() and stop(): a callback may call either
    Journal journal_;
    EventLoop::Watch watch_;  // of the journal's descriptor: goes first
};

}  // namespace chainkeeper::daemon
