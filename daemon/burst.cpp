// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/burst.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace chainkeeper::daemon {

namespace {

// A storm must not fill the memory.
constexpr std::size_t most_gaps = 8;
constexpr std::size_t most_units = 16;

void count_unit(std::map<std::string, unsigned>& transactions, const std::string& unit)
{
    if (transactions.size() < most_units || transactions.contains(unit))
        ++transactions[unit];
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
    entries += other.entries;
    return *this;
}

std::string to_string(const Losses& losses)
{
    auto told = fmt::format("{}, {}, {}", counted(losses.tables, "table"), counted(losses.chains, "chain"),
                            counted(losses.rules, "rule"));
    if (losses.entries == 0)
        return told;
    const auto entries = fmt::format("{} {}", losses.entries, losses.entries == 1 ? "entry" : "entries");
    return losses.all() == losses.entries ? entries : fmt::format("{}, {}", told, entries);
}

void Burst::add(const GenerationHeard& generation)
{
    last = generation.at;
    losses += generation.losses;
    ++generation_count;
    if (const auto& unit = generation.culprit.unit; !unit.empty() && generation.losses.any())
        count_unit(transactions, unit);
    const bool is_candidate = generation.touched_guarded && generation.losses.any();
    if (is_candidate && (!worst || generation.losses.all() > worst->losses.all()))
        worst = generation;
}

Culprit Burst::culprit() const
{
    auto culprit = worst ? worst->culprit : Culprit{};
    if (!culprit.unit.empty())
        return culprit;
    const auto most = std::ranges::max_element(transactions, {}, [](const auto& each) { return each.second; });
    if (most != transactions.end()) {
        culprit.unit = most->first;
        culprit.confidence = Confidence::burst;
    } else if (!job_unit.empty()) {
        culprit.unit = job_unit;
        culprit.confidence = Confidence::job;
    }
    return culprit;
}

void Burst::name_writer(const Culprit& culprit)
{
    if (worst && worst->culprit.comm.empty())
        worst->culprit = culprit;
}

void Burst::add_gap(std::string reason)
{
    if (gaps.size() < most_gaps)
        gaps.push_back(std::move(reason));
}

}  // namespace chainkeeper::daemon
