// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/nft/message.hpp"

#include <string>
#include <string_view>

namespace chainkeeper::repair::nft {

// Appends the name of an expression, and of the extension that it carries: "counter", "match:conntrack". A space comes
// before it where there is a label already.
void add_label(std::string& labels, std::string_view expression, ByteView data);

}  // namespace chainkeeper::repair::nft
