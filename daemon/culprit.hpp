// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::daemon {

// What the name of a culprit rests on, weakest first.
enum class Confidence : std::uint8_t {
    none,     // nobody is named but by pid and comm
    job,      // the unit had a job running at that time
    burst,    // the unit wrote another transaction of the same burst
    process,  // /proc of the writer was read while it was there
};
std::string_view to_string(Confidence confidence);

// Who wrote a transaction.
struct Culprit {
    std::uint32_t pid = 0;  // 0: the kernel named nobody
    std::string comm;
    std::string unit;                    // "iptables.service"; empty where it is not known
    std::string command_line;            // arguments separated by spaces; empty where /proc had gone
    std::vector<std::string> ancestors;  // "bash (4711)", the parent first
    Confidence confidence = Confidence::none;

    bool operator==(const Culprit&) const = default;
};

// Reads /proc/PID (`proc` is "/proc" but in tests): cgroup, cmdline and the chain of parents. The writer may be gone,
// and its number may be another's by now: then pid and comm are all there is.
Culprit read_culprit(const std::filesystem::path& proc, std::uint32_t pid, std::string_view comm);

// The same of a process that is there as far as anybody knows: its comm is what it says itself.
Culprit read_culprit(const std::filesystem::path& proc, std::uint32_t pid);

// The service, scope or slice that the text of a /proc/PID/cgroup file names, of the unified or of the systemd
// hierarchy; empty where there is none.
std::string unit_of_cgroup(std::string_view cgroup_text);

}  // namespace chainkeeper::daemon
