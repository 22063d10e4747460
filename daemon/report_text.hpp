// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/report.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::daemon {

enum class Severity : std::uint8_t { debug, info, warning, error };

struct Line {
    Severity severity;
    std::string text;
};

// A report as lines for a journal or a terminal, without control characters.
std::vector<Line> lines_of(const Report& report);

// "nft (pid 4711)"; "somebody" where the kernel named nobody.
std::string writer_text(const GenerationHeard& generation);

}  // namespace chainkeeper::daemon
