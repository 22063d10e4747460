// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct sd_journal;

namespace chainkeeper::tests {

// The fields of one entry by their names, the first of each.
using JournalEntry = std::map<std::string, std::string, std::less<>>;
// A field's value; empty where it has none.
std::string field(const JournalEntry& entry, std::string_view name);

// What a unit writes to a journal from now on.
class Journal {
public:
    // `folder`: of the machine's journal, /var/log/journal there.
    Journal(const std::filesystem::path& folder, const std::string& unit);

    // All that it has written so far.
    const std::vector<JournalEntry>& entries();

private:
    struct Close {
        void operator()(sd_journal* journal) const noexcept;
    };
    std::unique_ptr<sd_journal, Close> journal_;
    std::vector<JournalEntry> entries_;
};

}  // namespace chainkeeper::tests
