// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace chainkeeper::tests {

struct Seed {
    std::string name;
    std::vector<std::uint8_t> bytes;
};

// The same for the same number: number 0 is the seed itself, any other damages it in a few places, or puts a part of
// another seed into it. `at` is the seed's index.
std::vector<std::uint8_t> mutation(const std::vector<Seed>& seeds, std::size_t at, unsigned number);

}  // namespace chainkeeper::tests
