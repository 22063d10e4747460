// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tl/expected.hpp>

namespace chainkeeper::daemon::doctor {

inline constexpr std::size_t largest_http_body = std::size_t{8} << 20U;

struct HttpError {
    bool is_refused = false;  // nobody listens there
    std::string what;
};

// The body of what a server on 127.0.0.1 answers to a GET, by the deadline and no larger than largest_http_body. What
// is no 200, or is encoded in a way that was not asked for, is an error; no redirect is followed.
tl::expected<std::string, HttpError> get_from_loopback(std::uint16_t port, const std::string& path,
                                                       std::chrono::steady_clock::time_point deadline);

}  // namespace chainkeeper::daemon::doctor
