// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/output_file.hpp"

#include "daemon/replacement_file.hpp"

#include <fmt/format.h>

namespace chainkeeper::daemon {

namespace {

constexpr mode_t readable_by_all = 0644;

bool may_be_replaced(const std::filesystem::path& path)
{
    std::error_code error;
    const auto status = std::filesystem::symlink_status(path, error);
    return !std::filesystem::exists(status) || std::filesystem::is_regular_file(status);
}

}  // namespace

repair::Result<void> write_output_file(const std::filesystem::path& path, std::string_view text)
{
    if (!may_be_replaced(path))
        return tl::unexpected(repair::Error{repair::ErrorCode::failed,
                                            fmt::format("{} is no regular file, and stays as it is", path.string())});
    return ReplacementFile::begin(path, readable_by_all).and_then([&](ReplacementFile file) {
        return file.write(text).and_then([&] { return file.finish(); });
    });
}

}  // namespace chainkeeper::daemon
