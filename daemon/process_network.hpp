// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace chainkeeper::daemon {

// In which network namespace a process is, beside the calling thread.
enum class ProcessNetwork : std::uint8_t { ours, other, unknown };

// Read from /proc/PID (`proc` is "/proc" but in tests). Unknown where there is no such process, or none that can be
// seen. Needs no capability, as a look at /proc/PID/ns/net does (CAP_SYS_PTRACE, where the process has capabilities
// that we lack).
ProcessNetwork network_of_process(const std::filesystem::path& proc, std::uint32_t pid);

// The same of a process of which somebody told. Unknown, too, where its number is another's by now, or where it runs
// another program.
ProcessNetwork network_of_writer(const std::filesystem::path& proc, std::uint32_t pid, std::string_view comm);

}  // namespace chainkeeper::daemon
