// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/legacy/lock.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <utility>

namespace chainkeeper::repair::legacy {

namespace {

constexpr const char* usual_file = "/run/xtables.lock";

Error lock_error(std::string_view doing, const std::filesystem::path& file, int error_number)
{
    return {error_number == EPERM || error_number == EACCES ? ErrorCode::denied : ErrorCode::failed,
            fmt::format("{} {} failed: {}", doing, file.string(), std::generic_category().message(error_number))};
}

// The file under that name is the one that is open: iptables locks whatever is there by now.
bool is_the_same(int descriptor, const std::filesystem::path& file)
{
    struct stat opened {};
    struct stat named {};
    return fstat(descriptor, &opened) == 0 && stat(file.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

// "1: FLOCK  ADVISORY  WRITE 4711 00:19:815 0 EOF"; with "->" after the number for one that waits.
std::optional<LockUser> user_in(const std::string& line, const std::string& file)
{
    std::istringstream words{line};
    std::vector<std::string> all{std::istream_iterator<std::string>{words}, {}};
    const bool waits = std::erase(all, "->") > 0;
    constexpr std::size_t kind = 1;
    constexpr std::size_t pid = 4;
    constexpr std::size_t where = 5;
    if (all.size() <= where || all[kind] != "FLOCK" || all[where] != file)
        return std::nullopt;
    const auto number = std::strtol(all[pid].c_str(), nullptr, 10);
    return LockUser{.pid = number > 0 ? static_cast<pid_t>(number) : 0, .waits = waits};
}

}  // namespace

std::filesystem::path xtables_lock_file()
{
    const char* const elsewhere = std::getenv("XTABLES_LOCKFILE");
    return elsewhere != nullptr && *elsewhere != '\0' ? elsewhere : usual_file;
}

XtablesLock::Hold::~Hold()
{
    if (descriptor_ >= 0)
        flock(descriptor_, LOCK_UN);
}

Result<void> XtablesLock::open_file()
{
    if (opened_ && is_the_same(opened_.number(), file_))
        return {};
    // As iptables does; a link would be somebody's trap.
    opened_ = FileDescriptor{open(file_.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR)};
    if (!opened_)
        return tl::unexpected(lock_error("opening", file_, errno));
    return {};
}

Result<std::optional<XtablesLock::Hold>> XtablesLock::try_lock()
{
    // Between opening and locking somebody may put another file there.
    constexpr int tries = 3;
    for (int attempt = 0; attempt < tries; ++attempt) {
        if (auto opened = open_file(); !opened)
            return tl::unexpected(opened.error());
        if (flock(opened_.number(), LOCK_EX | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK || errno == EINTR)
                return std::nullopt;
            return tl::unexpected(lock_error("locking", file_, errno));
        }
        Hold hold{opened_.number()};
        if (is_the_same(opened_.number(), file_))
            return hold;
    }
    return tl::unexpected(lock_error("locking", file_, ESTALE));
}

Outcome locked_out(const XtablesLock& lock)
{
    const auto users = users_of_lock(lock.file());
    return {.kind = Outcome::Kind::lock_timeout,
            .detail = fmt::format("{} is locked", lock.file().string()),
            .lock_holder = users.empty() ? 0 : users.front()};
}

std::vector<pid_t> users_of_lock(const std::filesystem::path& file)
{
    const auto identity = identity_of(file);
    std::ifstream locks{"/proc/locks"};
    if (!identity || !locks)
        return {};
    return users_in(std::string{std::istreambuf_iterator<char>{locks}, {}}, *identity);
}

std::optional<LockedFile> identity_of(const std::filesystem::path& file)
{
    struct stat found {};
    if (stat(file.c_str(), &found) != 0)
        return std::nullopt;
    return LockedFile{.major = major(found.st_dev), .minor = minor(found.st_dev), .inode = found.st_ino};
}

std::vector<pid_t> users_in(std::string_view proc_locks, const LockedFile& file)
{
    std::vector<pid_t> users;
    for (const auto& user : lock_users_in(proc_locks, file))
        if (user.pid > 0)
            users.push_back(user.pid);
    return users;
}

std::vector<LockUser> lock_users_in(std::string_view proc_locks, const LockedFile& file)
{
    const auto name = fmt::format("{:02x}:{:02x}:{}", file.major, file.minor, file.inode);
    std::istringstream lines{std::string{proc_locks}};
    std::vector<LockUser> users;
    for (std::string line; std::getline(lines, line);)
        if (const auto user = user_in(line, name))
            users.push_back(*user);
    return users;
}

}  // namespace chainkeeper::repair::legacy
