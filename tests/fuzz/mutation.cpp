// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/fuzz/mutation.hpp"

#include <algorithm>
#include <random>
#include <string_view>

namespace chainkeeper::tests {

namespace {

using namespace std::string_view_literals;
using Bytes = std::vector<std::uint8_t>;

// What parsers look for, and where numbers end.
constexpr auto telling = "\0\x01\x7f\x80\xff\n\r\t \"'\\[]{}()=:,.#-+09eE"sv;
constexpr std::size_t most_changes = 6;
constexpr std::size_t longest = std::size_t{1} << 16U;

class Mutator {
public:
    Mutator(const std::vector<Seed>& seeds, std::size_t at, unsigned number)
        : seeds_{seeds}, random_{static_cast<std::uint32_t>(at * 1'000'003 + number)}, bytes_{seeds[at].bytes}
    {
    }

    Bytes mutate()
    {
        for (auto changes = below(most_changes) + 1; changes > 0; --changes)
            change();
        bytes_.resize(std::min(bytes_.size(), longest));
        return std::move(bytes_);
    }

private:
    // 0 where there is nothing below.
    std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }
    std::ptrdiff_t place() { return static_cast<std::ptrdiff_t>(below(bytes_.size() + 1)); }

    void change()
    {
        switch (below(6)) {
        case 0: return flip_bit();
        case 1: return set_byte();
        case 2: return insert_byte();
        case 3: return remove_part();
        case 4: return bytes_.resize(below(bytes_.size() + 1));
        default: return insert_part(seeds_[below(seeds_.size())].bytes);
        }
    }

    void flip_bit()
    {
        if (!bytes_.empty())
            bytes_[below(bytes_.size())] ^= static_cast<std::uint8_t>(1U << below(8));
    }

    std::uint8_t telling_byte() { return static_cast<std::uint8_t>(telling[below(telling.size())]); }

    void set_byte()
    {
        if (!bytes_.empty())
            bytes_[below(bytes_.size())] = telling_byte();
    }

    void insert_byte() { bytes_.insert(bytes_.begin() + place(), telling_byte()); }

    void remove_part()
    {
        const auto [from, to] = std::minmax({place(), place()});
        bytes_.erase(bytes_.begin() + from, bytes_.begin() + to);
    }

    void insert_part(const Bytes& other)
    {
        const auto from = below(other.size());
        const auto size = below(std::min<std::size_t>(other.size() - from, 64) + 1);
        const auto begin = other.begin() + static_cast<std::ptrdiff_t>(from);
        bytes_.insert(bytes_.begin() + place(), begin, begin + static_cast<std::ptrdiff_t>(size));
    }

    const std::vector<Seed>& seeds_;
    std::mt19937 random_;
    Bytes bytes_;
};

}  // namespace

std::vector<std::uint8_t> mutation(const std::vector<Seed>& seeds, std::size_t at, unsigned number)
{
    return number == 0 ? seeds[at].bytes : Mutator{seeds, at, number}.mutate();
}

}  // namespace chainkeeper::tests
