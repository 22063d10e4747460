// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/root.hpp"

#include <set>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace chainkeeper::daemon::doctor {

// systemd's unit files in a root, where systemd finds them (systemd.unit(5)). Generated units are not looked at, and of
// drop-ins none but those of the very unit.
class UnitFiles {
public:
    explicit UnitFiles(const Root& root) : root_{root} {}

    // Of all units that end so: ".timer".
    [[nodiscard]] tl::expected<std::set<std::string>, std::string> ending_in(std::string_view suffix) const;
    // The file that counts, line by line, and its drop-ins; empty where there is none, and of a masked unit. A line
    // that ends in a backslash goes on in the next.
    [[nodiscard]] tl::expected<std::vector<std::string>, std::string> lines_of(const std::string& unit) const;
    // Whether there is such a file, or a link to one.
    [[nodiscard]] tl::expected<bool, std::string> exists(const std::string& unit) const;
    // Whether something starts it: another unit wants or requires it, and it is not masked.
    [[nodiscard]] tl::expected<bool, std::string> is_enabled(const std::string& unit) const;

private:
    [[nodiscard]] tl::expected<bool, std::string> is_masked(const std::string& unit) const;

    const Root& root_;
};

}  // namespace chainkeeper::daemon::doctor
