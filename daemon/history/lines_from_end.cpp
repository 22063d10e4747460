// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/history/lines_from_end.hpp"

#include "daemon/replacement_file.hpp"

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace chainkeeper::daemon {

namespace {

constexpr std::size_t chunk_size = std::size_t{64} * 1024;

repair::Error cannot_read()
{
    return file_error("reading the history", errno);
}

bool is_object(std::string_view line)
{
    return line.starts_with('{') && nlohmann::json::accept(line);
}

// Takes a file in pieces, the last piece first.
class Collector {
public:
    explicit Collector(const FromEnd& asked) : asked_{asked} {}

    [[nodiscard]] bool full() const { return lines_.size() >= asked_.most_lines; }

    // What is before the first newline goes on in the piece before.
    void take(std::string piece)
    {
        text_.insert(0, piece);
        for (auto newline = text_.rfind('\n'); newline != std::string::npos && !full(); newline = text_.rfind('\n')) {
            take_line(std::string_view{text_}.substr(newline + 1));
            text_.resize(newline);
            ended_ = true;
        }
        if (text_.size() <= asked_.longest_line)
            return;
        too_long_ = true;
        text_.clear();
    }

    // The file has nothing before.
    void take_first_line()
    {
        if (!full())
            take_line(text_);
    }

    std::vector<std::string> lines()
    {
        std::ranges::reverse(lines_);
        return std::move(lines_);
    }

private:
    void take_line(std::string_view line)
    {
        const bool was_cut = std::exchange(too_long_, false);
        if (ended_ && !was_cut && line.size() <= asked_.longest_line && is_object(line))
            lines_.emplace_back(line);
    }

    const FromEnd& asked_;
    std::string text_;       // not yet divided into lines
    bool ended_ = false;     // a newline is behind it
    bool too_long_ = false;  // more of the same line was behind it, and is forgotten
    std::vector<std::string> lines_;
};

// Short only where somebody made the file shorter meanwhile.
repair::Result<std::string> read_at(int descriptor, std::size_t offset, std::size_t size)
{
    std::string text(size, '\0');
    std::size_t filled = 0;
    while (filled < size) {
        const auto got = pread(descriptor, text.data() + filled, size - filled, static_cast<off_t>(offset + filled));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return tl::unexpected(cannot_read());
        if (got == 0)
            break;
        filled += static_cast<std::size_t>(got);
    }
    text.resize(filled);
    return text;
}

}  // namespace

repair::Result<std::vector<std::string>> lines_from_end(int descriptor, const FromEnd& asked)
{
    struct stat status {};
    if (fstat(descriptor, &status) != 0)
        return tl::unexpected(cannot_read());
    const auto size = static_cast<std::size_t>(status.st_size);
    const auto start = size - std::min(size, asked.most_bytes);
    Collector collector{asked};
    auto at = size;
    while (at > start && !collector.full()) {
        const auto length = std::min(chunk_size, at - start);
        at -= length;
        auto piece = read_at(descriptor, at, length);
        if (!piece)
            return tl::unexpected(piece.error());
        collector.take(*std::move(piece));
    }
    if (start == 0)
        collector.take_first_line();
    return collector.lines();
}

}  // namespace chainkeeper::daemon
