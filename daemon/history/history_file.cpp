// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/history/history_file.hpp"

#include "daemon/file_descriptor.hpp"
#include "daemon/history/lines_from_end.hpp"
#include "daemon/replacement_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace chainkeeper::daemon {

namespace {

constexpr mode_t file_mode = 0640;  // command lines are nobody's business
constexpr std::size_t longest_line = std::size_t{64} * 1024;
constexpr std::size_t chunk_size = std::size_t{16} * 1024;

struct Opened {
    FileDescriptor file;
    std::size_t size = 0;
};

repair::Error failure(std::string_view verb, const std::filesystem::path& path)
{
    return file_error(fmt::format("{} {}", verb, path.string()), errno);
}

// Not blocked by a named pipe in the place of the file either.
repair::Result<Opened> open_history(const std::filesystem::path& path, int flags)
{
    Opened history{.file = FileDescriptor{open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, file_mode)}};
    struct stat status {};
    if (!history.file || fstat(history.file.number(), &status) != 0)
        return tl::unexpected(failure("opening", path));
    if (!S_ISREG(status.st_mode))
        return tl::unexpected(
            repair::Error{repair::ErrorCode::failed, fmt::format("{} is not a regular file", path.string())});
    history.size = static_cast<std::size_t>(status.st_size);
    return history;
}

// The writer of its last line was interrupted.
bool is_torn(const Opened& history)
{
    char last = '\n';
    return history.size > 0 && pread(history.file.number(), &last, 1, static_cast<off_t>(history.size - 1)) == 1 &&
           last != '\n';
}

// Where the first line begins that begins at `offset` or later; the size, where none does.
std::size_t line_after(const Opened& history, std::size_t offset)
{
    if (offset == 0)
        return 0;
    std::array<char, chunk_size> chunk{};
    for (auto at = offset - 1; at < history.size;) {
        const auto got = pread(history.file.number(), chunk.data(), chunk.size(), static_cast<off_t>(at));
        if (got <= 0)
            break;
        const std::string_view text{chunk.data(), static_cast<std::size_t>(got)};
        if (const auto newline = text.find('\n'); newline != std::string_view::npos)
            return at + newline + 1;
        at += text.size();
    }
    return history.size;
}

repair::Result<void> copy_from(const Opened& history, std::size_t offset, ReplacementFile& target)
{
    std::array<char, chunk_size> chunk{};
    while (offset < history.size) {
        const auto got = pread(history.file.number(), chunk.data(), chunk.size(), static_cast<off_t>(offset));
        if (got <= 0)
            return tl::unexpected(file_error("reading the history", got == 0 ? EIO : errno));
        if (auto written = target.write({chunk.data(), static_cast<std::size_t>(got)}); !written)
            return written;
        offset += static_cast<std::size_t>(got);
    }
    return {};
}

}  // namespace

HistoryFile::HistoryFile(const std::filesystem::path& directory, std::size_t limit)
    : path_{directory / "history.jsonl"}, limit_{limit}
{
}

repair::Result<void> HistoryFile::append(std::string_view line) const
{
    if (line.size() > longest_line || line.size() >= limit_ || line.find('\n') != std::string_view::npos)
        return tl::unexpected(
            repair::Error{repair::ErrorCode::failed, fmt::format("{} takes no such line", path_.string())});
    const auto history = open_history(path_, O_RDWR | O_APPEND | O_CREAT);
    if (!history)
        return tl::unexpected(history.error());
    const auto text = fmt::format("{}{}\n", is_torn(*history) ? "\n" : "", line);
    if (history->size + text.size() > limit_)
        return rotate_to(line);
    const auto number = history->file.number();
    if ((history->size == 0 && fchmod(number, file_mode) != 0) || !write_all(number, text) || fdatasync(number) != 0) {
        auto error = failure("writing", path_);
        // What cannot be taken back is a torn line, which the next append ends.
        static_cast<void>(!ftruncate(number, static_cast<off_t>(history->size)));
        return tl::unexpected(std::move(error));
    }
    return history->size == 0 ? sync_directory(path_.parent_path()) : repair::Result<void>{};
}

repair::Result<void> HistoryFile::rotate_to(std::string_view line) const
{
    const auto history = open_history(path_, O_RDONLY);
    if (!history)
        return tl::unexpected(history.error());
    auto target = ReplacementFile::begin(path_, file_mode);
    if (!target)
        return tl::unexpected(target.error());
    const auto torn = is_torn(*history);
    const auto end = fmt::format("{}{}\n", torn ? "\n" : "", line);
    const auto kept = std::min({limit_ / 2, limit_ - std::min(end.size(), limit_), history->size});
    const auto start = line_after(*history, history->size - kept);
    return copy_from(*history, start, *target)
        .and_then([&] { return target->write(start == history->size && torn ? std::string_view{end}.substr(1) : end); })
        .and_then([&] { return target->finish(); });
}

repair::Result<std::vector<std::string>> HistoryFile::newest(std::size_t most) const
{
    std::error_code error;
    if (std::filesystem::symlink_status(path_, error).type() == std::filesystem::file_type::not_found)
        return std::vector<std::string>{};
    const auto history = open_history(path_, O_RDONLY);
    if (!history)
        return tl::unexpected(history.error());
    return lines_from_end(history->file.number(),
                          {.most_lines = most, .most_bytes = limit_, .longest_line = longest_line});
}

}  // namespace chainkeeper::daemon
