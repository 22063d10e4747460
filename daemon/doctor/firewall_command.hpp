// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::daemon::doctor {

// Whether a line of a crontab, of a shell script or of a unit rewrites the firewall: it flushes or deletes with
// iptables or nft, loads a whole ruleset, or starts, stops, restarts or reloads a program that does, or one of these
// units ("iptables.service"). What is only read, or added, does not. What another script does that it calls is not
// known.
bool rewrites_firewall(std::string_view line, const std::vector<std::string>& units);

}  // namespace chainkeeper::daemon::doctor
