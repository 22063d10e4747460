// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/root.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace chainkeeper::daemon::doctor {

// Calls `line` with each line of the files NAME/*.conf, and the file that it is in, as modules-load.d(5) and
// modprobe.d(5) have it: in /etc, /run, /usr/local/lib, /usr/lib and /lib; of those of one name the first alone, and
// nothing where that is a link to /dev/null; in the order of their names. The error is a sentence.
tl::expected<void, std::string>
each_conf_line(const Root& root, std::string_view name,
               const std::function<void(const std::string& file, std::string_view line)>& line);

}  // namespace chainkeeper::daemon::doctor
