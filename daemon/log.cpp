// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/log.hpp"

#include <charconv>
#include <cstdlib>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>
#include <vector>

namespace chainkeeper::daemon {

namespace {

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

// False: journald has not taken it.
bool send_to_journal(const Entry& entry)
{
    auto fields = journal_fields(entry);
    std::vector<iovec> vectors;
    vectors.reserve(fields.size());
    for (auto& field : fields)
        vectors.push_back({.iov_base = field.data(), .iov_len = field.size()});
    // In parentheses: the macro of this name would add the line of this source to each entry.
    return (sd_journal_sendv)(vectors.data(), static_cast<int>(vectors.size())) >= 0;
}

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

}  // namespace

LogSink::LogSink(std::string_view level)
    : logger_{std::make_shared<spdlog::logger>("chainkeeperd",
                                               std::make_shared<spdlog::sinks::stderr_color_sink_st>())},
      to_journal_{standard_error_is_the_journal()}
{
    logger_->set_pattern("%Y-%m-%dT%H:%M:%S.%f %^%l%$ %v");
    logger_->set_level(spdlog::level::from_str(std::string{level}));
}

LogSink::~LogSink()
{
    for (const auto& entry : repetition_.rest())
        write(entry);
}

void LogSink::report(const Report& report)
{
    // Heard of every burst, and on the way to its repair.
    if (std::holds_alternative<Heard>(report) && !logger_->should_log(spdlog::level::debug))
        return;
    const auto now = instant_of(report);
    for (const auto& entry : repetition_.due(now))
        write(entry);
    if (const auto entry = entry_of(report); repetition_.admits(entry, now))
        write(entry);
}

// An entry that journald does not take is written to standard error, which leads to journald too.
void LogSink::write(const Entry& entry)
{
    if (!logger_->should_log(level_of(entry.severity())))
        return;
    if (to_journal_ && send_to_journal(entry))
        return;
    for (const auto& [severity, text] : entry.lines)
        logger_->log(level_of(severity), text);
}

}  // namespace chainkeeper::daemon
