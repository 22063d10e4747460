// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/state_file.hpp"

#include "daemon/replacement_file.hpp"

#include <cstdlib>
#include <fmt/format.h>
#include <system_error>

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

}  // namespace

repair::Result<void> write_state_file(const std::filesystem::path& path, std::string_view text)
{
    constexpr mode_t readable_by_all = 0644;
    auto file = ReplacementFile::begin(path, readable_by_all);
    if (!file)
        return tl::unexpected(file.error());
    return file->write(text).and_then([&] { return file->finish(); });
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
