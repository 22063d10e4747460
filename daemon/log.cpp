// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/log.hpp"

#include "daemon/report_text.hpp"

#include <array>
#include <charconv>
#include <cstdlib>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

namespace chainkeeper::daemon {

namespace {

int priority_of(spdlog::level::level_enum level)
{
    switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug: return LOG_DEBUG;
    case spdlog::level::info: return LOG_INFO;
    case spdlog::level::warn: return LOG_WARNING;
    case spdlog::level::err: return LOG_ERR;
    default: return LOG_CRIT;
    }
}

spdlog::level::level_enum level_of(Severity severity)
{
    switch (severity) {
    case Severity::debug: return spdlog::level::debug;
    case Severity::info: return spdlog::level::info;
    case Severity::warning: return spdlog::level::warn;
    case Severity::error: return spdlog::level::err;
    }
    return spdlog::level::err;
}

// One thread logs, so nothing is locked.
class JournalSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
protected:
    void sink_it_(const spdlog::details::log_msg& message) override
    {
        const auto text = fmt::format("MESSAGE={}", std::string_view{message.payload.data(), message.payload.size()});
        const auto priority = fmt::format("PRIORITY={}", priority_of(message.level));
        const auto field = [](const std::string& line) {
            return iovec{.iov_base = const_cast<char*>(line.data()), .iov_len = line.size()};
        };
        const std::array fields{field(text), field(priority)};
        sd_journal_sendv(fields.data(), static_cast<int>(fields.size()));
    }
    void flush_() override {}
};

template <typename Number>
bool take_number(std::string_view& text, Number& number)
{
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return error == std::errc{};
}

// systemd.exec(5): "device:inode" of the stream that leads to the journal.
bool standard_error_is_the_journal()
{
    const char* const variable = std::getenv("JOURNAL_STREAM");
    std::string_view stream = variable == nullptr ? "" : variable;
    dev_t device = 0;
    ino_t inode = 0;
    struct stat status {};
    if (!take_number(stream, device) || !stream.starts_with(':'))
        return false;
    stream.remove_prefix(1);
    return take_number(stream, inode) && fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device &&
           status.st_ino == inode;
}

spdlog::sink_ptr make_sink()
{
    if (standard_error_is_the_journal())
        return std::make_shared<JournalSink>();
    return std::make_shared<spdlog::sinks::stderr_color_sink_st>();
}

}  // namespace

LogSink::LogSink(std::string_view level) : logger_{std::make_shared<spdlog::logger>("chainkeeperd", make_sink())}
{
    logger_->set_pattern("%Y-%m-%dT%H:%M:%S.%f %^%l%$ %v");
    logger_->set_level(spdlog::level::from_str(std::string{level}));
}

void LogSink::report(const Report& report)
{
    // Heard of every burst, and on the way to its repair.
    if (std::holds_alternative<Heard>(report) && !logger_->should_log(spdlog::level::debug))
        return;
    for (const auto& [severity, text] : lines_of(report))
        logger_->log(level_of(severity), text);
}

}  // namespace chainkeeper::daemon
