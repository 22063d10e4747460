// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/journal_entry.hpp"
#include "daemon/repetition.hpp"
#include "daemon/report.hpp"

#include <memory>
#include <string_view>

namespace spdlog {
class logger;
}

namespace chainkeeper::daemon {

// Every report to journald, as one entry with its fields, where standard error is connected to it ($JOURNAL_STREAM);
// else to standard error, as lines.
class LogSink final : public ReportSink {
public:
    // `level` is debug, info, warning or error.
    explicit LogSink(std::string_view level);
    LogSink(const LogSink&) = delete;
    LogSink& operator=(const LogSink&) = delete;
    LogSink(LogSink&&) = delete;
    LogSink& operator=(LogSink&&) = delete;
    // Tells what was held back as repeated.
    ~LogSink() override;

    void report(const Report& report) override;

private:
    void write(const Entry& entry);

    std::shared_ptr<spdlog::logger> logger_;  // of the level, and of standard error
    bool to_journal_;
    Repetition repetition_;
};

}  // namespace chainkeeper::daemon
