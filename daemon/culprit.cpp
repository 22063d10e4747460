// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/culprit.hpp"

#include "daemon/file_descriptor.hpp"
#include "repair/printable.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fcntl.h>
#include <fmt/format.h>
#include <optional>

namespace chainkeeper::daemon {

namespace {

constexpr std::size_t most_read = 4096;
constexpr std::size_t most_command_line = 512;
constexpr std::size_t most_ancestors = 8;
constexpr std::string_view ellipsis = "…";

// Takes what stands before `separator` off the front of `text`, and the separator.
std::string_view take_until(std::string_view& text, char separator)
{
    const auto taken = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(text.size(), taken.size() + 1));
    return taken;
}

// One read: the kernel makes such a file when it is read, and all that is wanted of one is in the first page. Empty
// where there is nothing to be read.
std::string read_start(int directory, const char* name)
{
    const FileDescriptor file{openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    std::array<char, most_read> buffer{};
    const auto size = file ? read(file.number(), buffer.data(), buffer.size()) : -1;
    return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

std::string without_line_end(std::string text)
{
    if (text.ends_with('\n'))
        text.pop_back();
    return text;
}

// The arguments of /proc/PID/cmdline each end with a NUL.
std::string command_line_of(std::string arguments)
{
    arguments.erase(arguments.find_last_not_of('\0') + 1);
    std::ranges::replace(arguments, '\0', ' ');
    if (arguments.size() > most_command_line)
        arguments.replace(most_command_line - ellipsis.size(), std::string::npos, ellipsis);
    return repair::printable(arguments);
}

// Of a cgroup that has been removed the kernel says so (proc_cgroup_show in kernel/cgroup/cgroup.c).
std::string_view without_deleted(std::string_view path)
{
    constexpr std::string_view deleted = " (deleted)";
    if (path.ends_with(deleted))
        path.remove_suffix(deleted.size());
    return path;
}

enum class UnitRank : std::uint8_t { none, slice, runs_processes };

UnitRank rank_of(std::string_view component)
{
    if (component.ends_with(".service") || component.ends_with(".scope"))
        return UnitRank::runs_processes;
    return component.ends_with(".slice") ? UnitRank::slice : UnitRank::none;
}

struct NamedUnit {
    UnitRank rank = UnitRank::none;
    std::string_view name;
};

// The innermost unit that runs processes, else the innermost slice.
NamedUnit unit_of_path(std::string_view path)
{
    NamedUnit unit;
    for (path = without_deleted(path); !path.empty();) {
        auto component = take_until(path, '/');
        // systemd puts an underscore before a name that could be mistaken for a file of the kernel's ("cpu.service").
        if (component.starts_with('_'))
            component.remove_prefix(1);
        if (const auto rank = rank_of(component); rank != UnitRank::none && rank >= unit.rank)
            unit = {rank, component};
    }
    return unit;
}

// A process as its /proc/PID/stat shows it: "4711 (ba) sh) S 4242 …". The name can hold anything.
struct ProcessStat {
    std::string comm;
    std::uint32_t parent = 0;
};

std::optional<ProcessStat> stat_from(std::string_view text)
{
    const auto open = text.find('(');
    const auto close = text.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open)
        return std::nullopt;
    constexpr std::size_t state_and_spaces = 4;  // ") S "
    const auto number = text.substr(std::min(text.size(), close + state_and_spaces));
    ProcessStat stat{.comm = std::string{text.substr(open + 1, close - open - 1)}};
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), stat.parent);
    return parsed.ec == std::errc{} ? std::optional{std::move(stat)} : std::nullopt;
}

std::vector<std::string> ancestors_of(int proc, const std::string& own_stat)
{
    std::vector<std::string> ancestors;
    for (auto stat = stat_from(own_stat); stat && stat->parent != 0 && ancestors.size() < most_ancestors;) {
        const auto parent = stat->parent;
        stat = stat_from(read_start(proc, fmt::format("{}/stat", parent).c_str()));
        if (stat)
            ancestors.push_back(fmt::format("{} ({})", repair::printable(stat->comm), parent));
    }
    return ancestors;
}

FileDescriptor open_directory(const std::filesystem::path& path)
{
    return FileDescriptor{open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
}

// In the order in which they are missed most; each can be the last that is still there.
struct ProcessFiles {
    std::string cgroup;
    std::string comm;
    std::string command_line;
    std::string stat;
};

// Through one descriptor of the directory: when the process has gone it leads nowhere (ESRCH), even where another has
// the number by now.
ProcessFiles read_files(int directory)
{
    ProcessFiles files;
    files.cgroup = read_start(directory, "cgroup");
    files.comm = without_line_end(read_start(directory, "comm"));
    files.command_line = read_start(directory, "cmdline");
    files.stat = read_start(directory, "stat");
    return files;
}

}  // namespace

std::string_view to_string(Confidence confidence)
{
    switch (confidence) {
    case Confidence::none: return "none";
    case Confidence::job: return "job";
    case Confidence::burst: return "burst";
    case Confidence::process: return "process";
    }
    return "unknown";
}

std::string unit_of_cgroup(std::string_view cgroup_text)
{
    NamedUnit unit;
    while (!cgroup_text.empty()) {
        auto line = take_until(cgroup_text, '\n');
        const auto hierarchy = take_until(line, ':');
        const auto controllers = take_until(line, ':');
        const bool unified = hierarchy == "0" && controllers.empty();
        if (!unified && controllers != "name=systemd")
            continue;
        // Where both name one, the unified hierarchy: there systemd keeps its processes in the hybrid layout.
        const auto named = unit_of_path(line);
        if (named.rank > unit.rank || (unified && named.rank == unit.rank))
            unit = named;
    }
    return repair::printable(unit.name);
}

Culprit read_culprit(const std::filesystem::path& proc, std::uint32_t pid, std::string_view comm)
{
    Culprit culprit{.pid = pid, .comm = repair::printable(comm)};
    const auto directory = open_directory(proc / fmt::format("{}", pid));
    if (pid == 0 || !directory)
        return culprit;
    const auto files = read_files(directory.number());
    if (files.comm.empty() || files.comm != comm)
        return culprit;  // it has gone, and its number is another's; or it runs another program by now
    culprit.unit = unit_of_cgroup(files.cgroup);
    culprit.command_line = command_line_of(files.command_line);
    // A process that is exiting has no command line any more, and in the v1 hierarchies no cgroup either.
    if (culprit.unit.empty() && culprit.command_line.empty())
        return culprit;
    culprit.ancestors = ancestors_of(open_directory(proc).number(), files.stat);
    culprit.confidence = Confidence::process;
    return culprit;
}

Culprit read_culprit(const std::filesystem::path& proc, std::uint32_t pid)
{
    const auto directory = open_directory(proc / fmt::format("{}", pid));
    if (pid == 0 || !directory)
        return {.pid = pid};
    return read_culprit(proc, pid, without_line_end(read_start(directory.number(), "comm")));
}

}  // namespace chainkeeper::daemon
