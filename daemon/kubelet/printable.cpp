// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet/printable.hpp"

#include <algorithm>

namespace chainkeeper::daemon {

std::string printable(std::string text, std::size_t most)
{
    text.resize(std::min(text.size(), most));
    std::ranges::replace_if(
        text, [](char character) { return character < ' ' || character > '~'; }, '?');
    return text;
}

}  // namespace chainkeeper::daemon
