// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/baseline/baseline.hpp"

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace chainkeeper::daemon::baseline {

struct SavedBaseline {
    std::string node;   // whose it is, by its host name
    std::string saved;  // when: utc_text()
    Baseline baseline;
};

// Of this node, now.
SavedBaseline saved_now(Baseline baseline);

// JSON. The error says that it would be larger than a file that is read (policies::largest_text_file).
tl::expected<std::string, std::string> to_text(const SavedBaseline& saved);

// Whatever somebody wrote there. The error says what is wrong with it.
tl::expected<SavedBaseline, std::string> from_text(std::string_view text);

}  // namespace chainkeeper::daemon::baseline
