// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/node/journal.hpp"

#include <chrono>
#include <system_error>
#include <systemd/sd-journal.h>

namespace chainkeeper::tests {

namespace {

int checked(int result, const char* doing)
{
    if (result < 0)
        throw std::system_error{-result, std::generic_category(), doing};
    return result;
}

sd_journal* opened(const std::filesystem::path& folder)
{
    sd_journal* journal = nullptr;
    checked(sd_journal_open_directory(&journal, folder.c_str(), 0), "opening the journal");
    return journal;
}

std::uint64_t now()
{
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count());
}

JournalEntry read(sd_journal* journal)
{
    JournalEntry entry;
    const void* data = nullptr;
    std::size_t size = 0;
    sd_journal_restart_data(journal);
    while (checked(sd_journal_enumerate_available_data(journal, &data, &size), "reading the journal") > 0) {
        const std::string_view text{static_cast<const char*>(data), size};
        const auto name = text.substr(0, text.find('='));
        entry.emplace(name, text.substr(name.size() + 1));
    }
    return entry;
}

}  // namespace

std::string field(const JournalEntry& entry, std::string_view name)
{
    const auto found = entry.find(name);
    return found == entry.end() ? std::string{} : found->second;
}

void Journal::Close::operator()(sd_journal* journal) const noexcept
{
    sd_journal_close(journal);
}

Journal::Journal(const std::filesystem::path& folder, const std::string& unit) : journal_{opened(folder)}
{
    checked(sd_journal_add_match(journal_.get(), ("_SYSTEMD_UNIT=" + unit).c_str(), 0), "matching a unit");
    checked(sd_journal_seek_realtime_usec(journal_.get(), now()), "seeking the journal's end");
}

const std::vector<JournalEntry>& Journal::entries()
{
    checked(sd_journal_process(journal_.get()), "following the journal");
    while (checked(sd_journal_next(journal_.get()), "following the journal") > 0)
        entries_.push_back(read(journal_.get()));
    return entries_;
}

}  // namespace chainkeeper::tests
