// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/toml_tree.hpp"

#include <optional>
#include <string_view>

namespace chainkeeper::policies {

// The first thing in `text` that toml++ 3.3 and 3.4 must not be given. They compare characters with Unicode's blanks in
// a way that ends in undefined behaviour for some that are none ("é = 1"): so none but ASCII is let through outside of
// comments. Nor are strings that span lines, which nothing here needs and which would make this as long as a parser;
// nor keys of many parts, each of which is a table in the one before: toml++ follows them by recursion, and bounds only
// the depth of values.
std::optional<Mistake> unfit_for_parser(std::string_view text);

}  // namespace chainkeeper::policies
