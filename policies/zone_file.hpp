// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace chainkeeper::policies {

// Why date-tz 3.0 must not be given these contents of a file in /usr/share/zoneinfo (TZif, RFC 8536): words that end
// "the file …". It asserts on what is no such file, and believes every count in it. And it reads no rule in the footer:
// where the transitions are not written out ("slim" files), it takes winter for summer without a word. A file that
// goes on to 2037, as distributions make them ("fat"), is right until then.
std::optional<std::string> unfit_for_date_library(std::string_view contents);

}  // namespace chainkeeper::policies
