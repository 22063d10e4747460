// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/report.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::daemon {

enum class Severity : std::uint8_t { debug, info, warning, error };

struct Line {
    Severity severity;
    std::string text;
};

// A report as lines for a journal or a terminal, without control characters, and each of them bounded: the first says
// what happened, the others what belongs to it.
std::vector<Line> lines_of(const Report& report);

// More than a whole guarded set; what is beyond says no more, and would be written within the loop.
inline constexpr std::size_t most_findings = 25;

// "nft (pid 4711)"; "somebody" where the kernel named nobody.
std::string writer_text(const Culprit& culprit);
// "iptables.service (iptables, pid 13417: `iptables -F`)", and where the unit was not read from the process itself,
// what its name rests on.
std::string culprit_text(const Culprit& culprit);

}  // namespace chainkeeper::daemon
