// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/login.hpp"

#include "daemon/hold.hpp"
#include "policies/text_file.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <fmt/format.h>
#include <limits>
#include <memory>
#include <optional>
#include <pwd.h>

namespace chainkeeper::daemon {

namespace {

struct CloseFile {
    void operator()(std::FILE* file) const noexcept { static_cast<void>(std::fclose(file)); }
};

// Past that many users a name costs more than it is worth.
constexpr unsigned most_entries = 10000;

// Nothing where the process has gone, or was not started by anybody who logged in.
std::optional<uid_t> audit_login(pid_t pid, const std::filesystem::path& proc)
{
    const auto text = policies::read_text_file(proc / std::to_string(pid) / "loginuid");
    if (!text)
        return std::nullopt;
    uid_t uid = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), uid);
    if (error != std::errc{} || uid == std::numeric_limits<uid_t>::max())
        return std::nullopt;
    return uid;
}

}  // namespace

std::string user_name(uid_t uid, const LoginFiles& files)
{
    const std::unique_ptr<std::FILE, CloseFile> file{std::fopen(files.passwd.c_str(), "re")};
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    // It fails at the end, and at a line that is longer than the buffer.
    for (unsigned count = 0; file && count < most_entries; ++count) {
        if (fgetpwent_r(file.get(), &entry, buffer.data(), buffer.size(), &found) != 0)
            break;
        if (entry.pw_uid == uid && is_hold_text(entry.pw_name))
            return entry.pw_name;
    }
    return fmt::format("uid {}", uid);
}

std::string login_of(uid_t uid, pid_t pid, const LoginFiles& files)
{
    if (uid != 0 || pid <= 0)
        return user_name(uid, files);
    return user_name(audit_login(pid, files.proc).value_or(uid), files);
}

}  // namespace chainkeeper::daemon
