// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

namespace chainkeeper::tests {

// Far longer than anything here takes, on the slowest of machines and with sanitizers.
inline constexpr std::chrono::seconds patience{60};

// Asks again and again, with a pause between, until `condition` holds. Throws std::runtime_error when patience is at
// its end.
template <typename Condition>
void await(const std::string& what, Condition condition, std::chrono::milliseconds pause = std::chrono::milliseconds{2})
{
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end)
            throw std::runtime_error{"waited in vain until " + what};
        std::this_thread::sleep_for(pause);
    }
}

}  // namespace chainkeeper::tests
