// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/text_file.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <optional>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace chainkeeper::policies {

namespace {

using Reason = std::string;

class FileDescriptor {
public:
    explicit FileDescriptor(int number) : number_(number) {}
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    FileDescriptor(FileDescriptor&&) = delete;
    FileDescriptor& operator=(FileDescriptor&&) = delete;
    ~FileDescriptor()
    {
        if (number_ >= 0)
            close(number_);
    }
    [[nodiscard]] int number() const { return number_; }

private:
    int number_;
};

Reason last_error()
{
    return std::generic_category().message(errno);
}

Reason too_large()
{
    return fmt::format("it is larger than {} KiB", largest_text_file / 1024);
}

// Why `file` cannot be a text that somebody wrote for us; nothing when it can.
std::optional<Reason> unfit(const FileDescriptor& file)
{
    struct stat status {};
    if (fstat(file.number(), &status) != 0)
        return last_error();
    if (S_ISDIR(status.st_mode))
        return "it is a directory";
    if (!S_ISREG(status.st_mode))
        return "it is not a regular file";
    if (status.st_size > static_cast<off_t>(largest_text_file))
        return too_large();
    return std::nullopt;
}

// The size is watched here as well: the file may grow, and files in /proc say that they have none.
tl::expected<std::string, Reason> contents(int file)
{
    std::string text;
    std::array<char, 16384> buffer{};
    while (text.size() <= largest_text_file) {
        const auto count = read(file, buffer.data(), buffer.size());
        if (count == 0)
            return text;
        if (count > 0)
            text.append(buffer.data(), static_cast<std::size_t>(count));
        else if (errno != EINTR)
            return tl::unexpected(last_error());
    }
    return tl::unexpected(too_large());
}

tl::expected<std::string, Reason> open_and_read(const std::filesystem::path& path)
{
    // O_NONBLOCK: opening a FIFO would wait for a writer.
    const FileDescriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (file.number() < 0)
        return tl::unexpected(last_error());
    if (const auto reason = unfit(file))
        return tl::unexpected(*reason);
    return contents(file.number());
}

}  // namespace

tl::expected<std::string, std::string> read_text_file(const std::filesystem::path& path)
{
    return open_and_read(path).map_error(
        [&](const Reason& reason) { return fmt::format("{}: cannot be read: {}", path.string(), reason); });
}

tl::expected<std::string, std::string> read_standard_input()
{
    return contents(STDIN_FILENO).map_error([](const Reason& reason) {
        return fmt::format("standard input: cannot be read: {}", reason);
    });
}

}  // namespace chainkeeper::policies
