// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/journal_file.hpp"

#include "tests/support/command.hpp"

#include <cstdint>
#include <fmt/format.h>

namespace chainkeeper::tests {

namespace {

// A binary field of the Journal Export Format: the name, the size as 64 bits of little endian, the bytes.
std::string binary_field(std::string_view name, std::string_view value)
{
    auto field = fmt::format("{}\n", name);
    for (unsigned shift = 0; shift < 64; shift += 8)
        field += static_cast<char>((std::uint64_t{value.size()} >> shift) & 0xffU);
    return field.append(value).append("\n");
}

std::string exported(const JournalEntry& entry)
{
    constexpr std::uint64_t realtime_of_boot = 1'700'000'000'000'000;
    return fmt::format("__REALTIME_TIMESTAMP={}\n"
                       "__MONOTONIC_TIMESTAMP={}\n"
                       "_BOOT_ID=0123456789abcdef0123456789abcdef\n"
                       "_SYSTEMD_INVOCATION_ID={}\n",
                       realtime_of_boot + static_cast<std::uint64_t>(entry.at.count()), entry.at.count(),
                       entry.invocation) +
           binary_field("MESSAGE", entry.message) + "\n";
}

}  // namespace

void append_to_journal(const std::filesystem::path& file, const std::vector<JournalEntry>& entries)
{
    std::string text;
    for (const auto& entry : entries)
        text += exported(entry);
    must_run({"/lib/systemd/systemd-journal-remote", "-o", file.string(), "-"}, text);
}

}  // namespace chainkeeper::tests
