// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/root.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

namespace chainkeeper::daemon::doctor {

namespace {

tl::unexpected<std::string> trouble(const std::string& path, std::string_view reason)
{
    return tl::unexpected(fmt::format("{}: cannot be read: {}", path, reason));
}

std::string last_error()
{
    return std::generic_category().message(errno);
}

std::string larger_than(std::size_t limit)
{
    return fmt::format("it is larger than {} MiB", limit >> 20U);
}

// Somebody who renames what lies on the way makes the kernel give up with EAGAIN.
constexpr int most_tries = 16;

int open_in(int root, const std::string& path, unsigned more_flags = 0)
{
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC | more_flags;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    long number = -1;
    for (int tries = 0; tries < most_tries && number < 0 && (tries == 0 || errno == EAGAIN || errno == EINTR); ++tries)
        number = syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    return static_cast<int>(number);
}

// What O_PATH has found, to be read: the very same file, whatever stands at its path by now.
std::string opened_path(const FileDescriptor& found)
{
    return fmt::format("/proc/self/fd/{}", found.number());
}

// Calls `part` with what it reads, piece by piece. A file may grow, and those in /proc say that they have no size. The
// error is a reason.
tl::expected<std::size_t, std::string> read_parts(const FileDescriptor& file, std::size_t limit,
                                                  const std::function<void(std::string_view)>& part)
{
    std::array<char, 65536> buffer{};
    std::size_t total = 0;
    while (total <= limit) {
        const auto count = read(file.number(), buffer.data(), buffer.size());
        if (count == 0)
            return total;
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return tl::unexpected(last_error());
        total += static_cast<std::size_t>(count);
        part({buffer.data(), static_cast<std::size_t>(count)});
    }
    return tl::unexpected(larger_than(limit));
}

// Cuts what comes in pieces into lines.
class Lines {
public:
    explicit Lines(const std::function<void(std::string_view)>& line) : line_{line} {}

    void add(std::string_view part)
    {
        for (auto end = part.find('\n'); end != std::string_view::npos; end = part.find('\n')) {
            keep(part.substr(0, end));
            part.remove_prefix(end + 1);
            finish();
        }
        begun_ = begun_ || !part.empty();
        keep(part);
    }
    std::size_t end()
    {
        if (begun_)
            finish();
        return count_;
    }

private:
    void keep(std::string_view part) { kept_ += part.substr(0, Root::longest_line - kept_.size()); }
    void finish()
    {
        line_(kept_);
        kept_.clear();
        begun_ = false;
        ++count_;
    }

    const std::function<void(std::string_view)>& line_;
    std::string kept_;
    bool begun_ = false;
    std::size_t count_ = 0;
};

// The error is a reason.
tl::expected<std::vector<std::string>, std::string> names_in(const FileDescriptor& found)
{
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator each{opened_path(found), error}, end; !error && each != end;
         each.increment(error)) {
        if (names.size() == Root::most_names)
            return tl::unexpected(fmt::format("it has more than {} entries", Root::most_names));
        names.push_back(each->path().filename().string());
    }
    if (error)
        return tl::unexpected(error.message());
    std::ranges::sort(names);
    return names;
}

}  // namespace

tl::expected<Root, std::string> Root::open(const std::filesystem::path& directory)
{
    FileDescriptor opened{::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (!opened)
        return trouble(directory.string(), last_error());
    return Root{std::move(opened)};
}

Found<FileDescriptor> Root::locate(const std::string& path) const
{
    FileDescriptor found{open_in(directory_.number(), path)};
    if (found)
        return found;
    if (errno == ENOENT || errno == ENOTDIR)
        return std::nullopt;
    return trouble(path, last_error());
}

Found<FileDescriptor> Root::open_regular(const std::string& path, std::size_t limit) const
{
    auto found = locate(path);
    if (!found || !*found)
        return found;
    struct stat status {};
    if (fstat((*found)->number(), &status) != 0)
        return trouble(path, last_error());
    if (!S_ISREG(status.st_mode))
        return trouble(path, "it is not a regular file");
    if (static_cast<std::size_t>(status.st_size) > limit)
        return trouble(path, larger_than(limit));
    FileDescriptor file{::open(opened_path(**found).c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
    if (!file)
        return trouble(path, last_error());
    return file;
}

Found<std::string> Root::text(const std::string& path) const
{
    const auto file = open_regular(path, largest_text);
    if (!file)
        return tl::unexpected(file.error());
    if (!*file)
        return std::nullopt;
    std::string text;
    if (const auto read = read_parts(**file, largest_text, [&](std::string_view part) { text += part; }); !read)
        return trouble(path, read.error());
    return text;
}

Found<std::size_t> Root::each_line(const std::string& path, const std::function<void(std::string_view)>& line) const
{
    const auto file = open_regular(path, largest_stream);
    if (!file)
        return tl::unexpected(file.error());
    if (!*file)
        return std::nullopt;
    Lines lines{line};
    if (const auto read = read_parts(**file, largest_stream, [&](std::string_view part) { lines.add(part); }); !read)
        return trouble(path, read.error());
    return lines.end();
}

tl::expected<std::vector<std::string>, std::string> Root::paths(const std::string& directory,
                                                                std::string_view suffix) const
{
    return names(directory).map([&](const std::optional<std::vector<std::string>>& found) {
        std::vector<std::string> paths;
        for (const auto& name : found.value_or(std::vector<std::string>{}))
            if (name.ends_with(suffix))
                paths.push_back(fmt::format("{}/{}", directory, name));
        return paths;
    });
}

Found<std::vector<std::string>> Root::names(const std::string& path) const
{
    const auto found = locate(path);
    if (!found)
        return tl::unexpected(found.error());
    if (!*found)
        return std::nullopt;
    auto names = names_in(**found);
    if (!names)
        return trouble(path, names.error());
    return *std::move(names);
}

Found<std::string> Root::link(const std::string& path) const
{
    const FileDescriptor found{open_in(directory_.number(), path, O_NOFOLLOW)};
    std::string target(PATH_MAX, '\0');
    const auto size = found ? readlinkat(found.number(), "", target.data(), target.size()) : -1;
    if (size < 0 && errno != ENOENT && errno != ENOTDIR && errno != EINVAL)
        return trouble(path, last_error());
    if (size < 0)
        return std::nullopt;
    target.resize(static_cast<std::size_t>(size));
    return target;
}

Found<bool> Root::executable(const std::string& path) const
{
    const auto found = locate(path);
    if (!found)
        return tl::unexpected(found.error());
    if (!*found)
        return std::nullopt;
    struct stat status {};
    if (fstat((*found)->number(), &status) != 0)
        return trouble(path, last_error());
    return S_ISREG(status.st_mode) && (status.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0;
}

Found<std::string> Root::real_name(const std::string& path) const
{
    const auto found = locate(path);
    if (!found)
        return tl::unexpected(found.error());
    if (!*found)
        return std::nullopt;
    std::error_code error;
    const auto real = std::filesystem::read_symlink(opened_path(**found), error);
    if (error)
        return trouble(path, error.message());
    return real.filename().string();
}

}  // namespace chainkeeper::daemon::doctor
