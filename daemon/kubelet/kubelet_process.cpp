// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet/kubelet_process.hpp"

#include "daemon/kubelet/kubelet_flags.hpp"
#include "policies/text_file.hpp"

#include <charconv>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <string_view>

namespace chainkeeper::daemon {

namespace {

namespace fs = std::filesystem;

// Threads and children that are looked at. k0s has a few dozen of both.
constexpr unsigned most_looks = 2048;

bool is_kubelet(const fs::path& process)
{
    const auto arguments = arguments_of(policies::read_text_file(process / "cmdline").value_or(""));
    return !arguments.empty() && program_of(arguments.front()) == "kubelet";
}

// The first number of "12 34 56 ".
std::optional<pid_t> take_process(std::string_view& children)
{
    pid_t process = 0;
    const auto parsed = std::from_chars(children.data(), children.data() + children.size(), process);
    if (parsed.ec != std::errc{} || process <= 0)
        return std::nullopt;
    children.remove_prefix(static_cast<std::size_t>(parsed.ptr - children.data()));
    children.remove_prefix(children.starts_with(' ') ? 1 : 0);
    return process;
}

std::optional<pid_t> kubelet_among(const fs::path& proc, std::string_view children, unsigned& looks)
{
    while (looks++ < most_looks) {
        const auto child = take_process(children);
        if (!child)
            break;
        if (is_kubelet(proc / fmt::to_string(*child)))
            return child;
    }
    return std::nullopt;
}

// A Go program starts its children from any of its threads.
std::optional<pid_t> kubelet_below(const fs::path& proc, pid_t main_process)
{
    unsigned looks = 0;
    std::error_code error;
    const auto threads = proc / fmt::to_string(main_process) / "task";
    for (fs::directory_iterator thread{threads, error}; !error && thread != fs::end(thread) && looks++ < most_looks;
         thread.increment(error)) {
        const auto children = policies::read_text_file(thread->path() / "children").value_or("");
        if (const auto kubelet = kubelet_among(proc, children, looks))
            return kubelet;
    }
    return std::nullopt;
}

}  // namespace

pid_t kubelet_process(const fs::path& proc, pid_t main_process)
{
    if (is_kubelet(proc / fmt::to_string(main_process)))
        return main_process;
    return kubelet_below(proc, main_process).value_or(main_process);
}

bool has_executed(const std::filesystem::path& proc, pid_t process)
{
    const auto comm = policies::read_text_file(proc / std::to_string(process) / "comm");
    return !comm || !comm->starts_with('(');  // one that is gone will not execute any more
}

}  // namespace chainkeeper::daemon
