// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace chainkeeper::tests {

struct JournalEntry {
    std::string invocation;           // 32 hexadecimal digits
    std::chrono::microseconds at{0};  // CLOCK_MONOTONIC; the realtime clock is made to follow it
    std::string message;              // anything: it may hold line feeds and zero bytes
};

// Adds the entries to a journal file, which is made where there is none. Throws where systemd-journal-remote cannot.
void append_to_journal(const std::filesystem::path& file, const std::vector<JournalEntry>& entries);

}  // namespace chainkeeper::tests
