// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/lock_holder.hpp"

#include "daemon/culprit.hpp"
#include "daemon/doctor/kernel_number.hpp"
#include "daemon/doctor/short_list.hpp"

#include <algorithm>
#include <ctime>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

namespace chainkeeper::daemon::doctor {

namespace {

using std::filesystem::directory_iterator;
using std::filesystem::path;
using Clock = std::chrono::steady_clock;

// Of the search through all processes.
constexpr std::chrono::milliseconds search_deadline{200};

bool is_there(pid_t pid)
{
    std::error_code error;
    return std::filesystem::exists(fmt::format("/proc/{}", pid), error);
}

bool has_open(const path& process, const struct stat& file)
{
    std::error_code error;
    for (directory_iterator entry{process / "fd", error}; !error && entry != directory_iterator{};
         entry.increment(error)) {
        struct stat opened {};
        if (stat(entry->path().c_str(), &opened) == 0 && opened.st_dev == file.st_dev && opened.st_ino == file.st_ino)
            return true;
    }
    return false;
}

// Processes that have the file open, and do not wait for its lock.
std::vector<pid_t> heirs_of(const path& file, const std::vector<pid_t>& waiters)
{
    struct stat found {};
    if (stat(file.c_str(), &found) != 0)
        return {};
    std::vector<pid_t> heirs;
    const auto end = Clock::now() + search_deadline;
    std::error_code error;
    for (directory_iterator entry{"/proc", error}; !error && entry != directory_iterator{} && Clock::now() < end;
         entry.increment(error)) {
        const auto pid = number_of(entry->path().filename().string());
        if (pid && std::ranges::find(waiters, static_cast<pid_t>(*pid)) == waiters.end() &&
            has_open(entry->path(), found))
            heirs.push_back(static_cast<pid_t>(*pid));
    }
    return heirs;
}

std::optional<std::chrono::seconds> age_of(pid_t pid)
{
    std::ifstream file{fmt::format("/proc/{}/stat", pid)};
    const auto start = start_ticks(std::string{std::istreambuf_iterator<char>{file}, {}});
    const auto ticks_a_second = sysconf(_SC_CLK_TCK);
    timespec now{};
    if (!start || ticks_a_second <= 0 || clock_gettime(CLOCK_BOOTTIME, &now) != 0)
        return std::nullopt;
    const auto started = static_cast<long long>(*start / static_cast<unsigned long long>(ticks_a_second));
    // Both are cut to whole seconds: it is no older.
    return std::chrono::seconds{std::max<long long>(now.tv_sec - started + 1, 1)};
}

std::string text_of(const Culprit& process)
{
    auto pid = fmt::to_string(process.pid);
    if (process.comm.empty())
        return pid;
    return process.unit.empty() ? fmt::format("{} ({})", pid, process.comm)
                                : fmt::format("{} ({}, of {})", pid, process.comm, process.unit);
}

LockHolder heirs_text(pid_t pid, const std::vector<pid_t>& heirs)
{
    std::vector<std::string> texts;
    texts.reserve(heirs.size());
    for (const auto heir : heirs)
        texts.push_back(process_text(heir));
    const auto taker = pid > 0 ? fmt::format("{}, which has ended,", pid) : std::string{"a process without a number"};
    return {.text = heirs.empty() ? fmt::format("{} took it, and nobody is seen to have it", taker)
                                  : fmt::format("{} left it to who has it open: {}", taker, short_list(texts)),
            .unit = heirs.size() == 1 ? read_culprit("/proc", static_cast<std::uint32_t>(heirs.front())).unit : "",
            .age = std::nullopt};
}

}  // namespace

std::optional<unsigned long long> start_ticks(std::string_view stat)
{
    constexpr std::size_t words_before = 19;  // after the name, which can hold anything
    const auto close = stat.rfind(')');
    if (close == std::string_view::npos)
        return std::nullopt;
    std::istringstream words{std::string{stat.substr(close + 1)}};
    const std::vector<std::string> all{std::istream_iterator<std::string>{words}, {}};
    return all.size() > words_before ? number_of(all[words_before]) : std::nullopt;
}

std::string process_text(pid_t pid)
{
    return text_of(read_culprit("/proc", static_cast<std::uint32_t>(pid)));
}

LockHolder lock_holder(pid_t pid, const path& file, const std::vector<pid_t>& waiters)
{
    if (pid <= 0 || !is_there(pid))
        return heirs_text(pid, heirs_of(file, waiters));
    const auto process = read_culprit("/proc", static_cast<std::uint32_t>(pid));
    return {.text = text_of(process), .unit = process.unit, .age = age_of(pid)};
}

}  // namespace chainkeeper::daemon::doctor
