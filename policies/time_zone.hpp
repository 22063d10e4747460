// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace date {
class time_zone;
}

namespace chainkeeper::policies {

// What a clock on the wall shows somewhere. "UTC" needs no database; every other zone is one of this system's tz
// database (package tzdata), which is read when the first of them is asked for, and then kept.
class TimeZone {
public:
    TimeZone() = default;  // UTC

    // By its IANA name. The error is a sentence.
    static tl::expected<TimeZone, std::string> named(std::string_view name);

    [[nodiscard]] std::chrono::local_days day_at(std::chrono::sys_seconds instant) const;
    // When the clock there shows `wall` for the first time. Where it never does, because it was put forward over it:
    // the first instant after that.
    [[nodiscard]] std::chrono::sys_seconds first_instant_of(std::chrono::local_seconds wall) const;

private:
    explicit TimeZone(const date::time_zone& zone) : zone_{&zone} {}

    const date::time_zone* zone_ = nullptr;
};

// Why no zone of the tz database in `directory` may be asked for; nothing where all is well with it.
std::optional<std::string> unfit_database(std::string_view directory);

}  // namespace chainkeeper::policies
