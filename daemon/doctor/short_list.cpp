// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/short_list.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace chainkeeper::daemon::doctor {

std::string short_list(const std::vector<std::string>& names)
{
    const auto shown = std::min(names.size(), short_list_length);
    const auto text =
        fmt::format("{}", fmt::join(names.begin(), std::next(names.begin(), static_cast<std::ptrdiff_t>(shown)), ", "));
    return shown == names.size() ? text : fmt::format("{} and {} more", text, names.size() - shown);
}

}  // namespace chainkeeper::daemon::doctor
