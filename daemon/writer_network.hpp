// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace chainkeeper::daemon {

// In which network namespace a process is, beside the calling thread.
enum class WriterNetwork : std::uint8_t { ours, other, unknown };

// Reads /proc/PID (`proc` is "/proc" but in tests). Unknown where the process has gone, where its number is another's
// by now, or where it runs another program. Needs no capability, as a look at /proc/PID/ns/net does (CAP_SYS_PTRACE,
// where the process has capabilities that we lack).
WriterNetwork network_of_writer(const std::filesystem::path& proc, std::uint32_t pid, std::string_view comm);

}  // namespace chainkeeper::daemon
