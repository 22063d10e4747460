// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/state_file.hpp"

#include "daemon/file_descriptor.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <system_error>
#include <unistd.h>

namespace chainkeeper::daemon {

namespace {

// systemd gives a list separated by colons when a unit asks for several directories; ours asks for one.
std::filesystem::path directory_from(const char* variable, const char* otherwise)
{
    const char* const value = std::getenv(variable);
    if (value == nullptr || *value == '\0')
        return otherwise;
    const std::string_view list{value};
    return list.substr(0, list.find(':'));
}

bool write_all(int descriptor, std::string_view text)
{
    while (!text.empty()) {
        const auto written = write(descriptor, text.data(), text.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

}  // namespace

repair::Result<void> write_state_file(const std::filesystem::path& path, std::string_view text)
{
    auto temporary = path;
    temporary += ".new";
    const auto doing = fmt::format("writing {}", path.string());
    const FileDescriptor file{open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                                   S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH)};
    if (!file || !write_all(file.number(), text) || rename(temporary.c_str(), path.c_str()) != 0)
        return tl::unexpected(repair::Error{
            repair::ErrorCode::failed, fmt::format("{} failed: {}", doing, std::generic_category().message(errno))});
    return {};
}

std::filesystem::path state_directory()
{
    return directory_from("STATE_DIRECTORY", "/var/lib/chainkeeper");
}

std::filesystem::path runtime_directory()
{
    return directory_from("RUNTIME_DIRECTORY", "/run/chainkeeper");
}

repair::Result<void> make_directory(const std::filesystem::path& path)
{
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error)
        return tl::unexpected(repair::Error{repair::ErrorCode::failed,
                                            fmt::format("making {} failed: {}", path.string(), error.message())});
    return {};
}

}  // namespace chainkeeper::daemon
