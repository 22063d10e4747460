// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/root.hpp"

#include <set>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace chainkeeper::daemon::doctor {

// What systemd loads when the machine starts, by the kernel's names: modules-load.d(5). The error is a sentence.
tl::expected<std::set<std::string>, std::string> modules_of_boot(const Root& root);

// "br_netfilter" of " br-netfilter "; empty of a comment and of an empty line.
std::string module_of_boot(std::string_view line);

}  // namespace chainkeeper::daemon::doctor
