// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/burst.hpp"

#include <fmt/format.h>

namespace chainkeeper::daemon {

namespace {

// A storm must not fill the memory.
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

void Burst::add(const GenerationHeard& generation)
{
    last = generation.at;
    losses += generation.losses;
    ++generation_count;
    const bool is_candidate = generation.touched_guarded && generation.losses.any();
    if (is_candidate && (!worst || weight(generation.losses) > weight(worst->losses)))
        worst = generation;
}

void Burst::add_gap(std::string reason)
{
    if (gaps.size() < most_gaps)
        gaps.push_back(std::move(reason));
}

}  // namespace chainkeeper::daemon
