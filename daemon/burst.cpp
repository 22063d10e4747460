// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/burst.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace chainkeeper::daemon {

namespace {

// A restart of iptables takes some twenty transactions; a storm must not fill the memory.
constexpr std::size_t most_generations = 64;
constexpr std::size_t most_gaps = 8;

unsigned weight(const Losses& losses)
{
    return losses.tables + losses.chains + losses.rules;
}

std::string counted(unsigned count, std::string_view noun)
{
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

Losses& Losses::operator+=(const Losses& other)
{
    tables += other.tables;
    chains += other.chains;
    rules += other.rules;
    return *this;
}

std::string to_string(const Losses& losses)
{
    return fmt::format("{}, {}, {}", counted(losses.tables, "table"), counted(losses.chains, "chain"),
                       counted(losses.rules, "rule"));
}

void Burst::add(GenerationHeard generation)
{
    last = generation.at;
    losses += generation.losses;
    ++generation_count;
    if (generations.size() < most_generations)
        generations.push_back(std::move(generation));
}

void Burst::add_gap(std::string reason)
{
    if (gaps.size() < most_gaps)
        gaps.push_back(std::move(reason));
}

std::optional<GenerationHeard> Burst::culprit() const
{
    const auto worst = std::ranges::max_element(
        generations, {}, [](const GenerationHeard& generation) { return weight(generation.losses); });
    if (worst == generations.end() || !worst->losses.any())
        return std::nullopt;
    return *worst;
}

}  // namespace chainkeeper::daemon
