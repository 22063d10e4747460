// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/error.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::daemon {

// history.jsonl: an object of JSON a line, the oldest first. One process writes it; anybody who may can read it
// meanwhile. A crash in the middle of an append leaves a torn last line, which the next append ends and readers leave
// out; nothing older is ever lost but by the limit. Symbolic links are refused.
class HistoryFile {
public:
    // `directory` is state_directory(); `limit` is the policy's [report] history_size in bytes.
    HistoryFile(const std::filesystem::path& directory, std::size_t limit);

    // `line` without its newline. It is on the disk when this returns. Where the file would grow beyond the limit, its
    // newest half is kept. After an error (a full disk) the file is as it was.
    [[nodiscard]] repair::Result<void> append(std::string_view line) const;

    // At most that many lines, the newest of them, oldest first. Reads no more than it needs, and never more than the
    // limit. No file: no lines.
    [[nodiscard]] repair::Result<std::vector<std::string>> newest(std::size_t most) const;

    // After the policy was read again.
    void set_limit(std::size_t limit) { limit_ = limit; }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    [[nodiscard]] repair::Result<void> rotate_to(std::string_view line) const;

    std::filesystem::path path_;
    std::size_t limit_;
};

}  // namespace chainkeeper::daemon
