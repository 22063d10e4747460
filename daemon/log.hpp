// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/report.hpp"

#include <memory>
#include <string_view>

namespace spdlog {
class logger;
}

namespace chainkeeper::daemon {

// Every report as log lines: to journald where standard error is connected to it ($JOURNAL_STREAM), else to standard
// error.
class LogSink final : public ReportSink {
public:
    // `level` is debug, info, warning or error.
    explicit LogSink(std::string_view level);
    void report(const Report& report) override;

private:
    std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace chainkeeper::daemon
