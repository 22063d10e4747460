// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/conntrack_check.hpp"

#include "daemon/doctor/kernel_number.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <sstream>
#include <utility>

namespace chainkeeper::daemon::doctor {

namespace {

const std::string count_file = "/proc/sys/net/netfilter/nf_conntrack_count";
const std::string limit_file = "/proc/sys/net/netfilter/nf_conntrack_max";
const std::string statistics_file = "/proc/net/stat/nf_conntrack";

std::vector<std::string> words_of(const std::string& line)
{
    std::istringstream stream{line};
    std::vector<std::string> words;
    for (std::string word; stream >> word;)
        words.push_back(word);
    return words;
}

// The sum over all processors of a column of the statistics: hexadecimal, below its name. Nothing where there is no
// such column, or no number in it.
std::optional<std::uint64_t> total_of(const std::string& statistics, std::string_view column)
{
    std::istringstream lines{statistics};
    std::string line;
    std::getline(lines, line);
    const auto names = words_of(line);
    const auto at = static_cast<std::size_t>(std::ranges::find(names, column) - names.begin());
    if (at == names.size())
        return std::nullopt;
    std::uint64_t total = 0;
    while (std::getline(lines, line)) {
        const auto words = words_of(line);
        const auto number = at < words.size() ? number_of(words[at], 16) : std::nullopt;
        if (!number)
            return std::nullopt;
        total += *number;
    }
    return total;
}

void judge_room(Judgement& judgement, std::uint64_t count, std::uint64_t limit, unsigned warning_percent)
{
    // A limit of 0 is none (net/netfilter/nf_conntrack_core.c, __nf_conntrack_alloc).
    if (limit == 0)
        return judgement.add(Verdict::ok, fmt::format("{} connections, without a limit", count));
    const auto percent = static_cast<double>(count) * 100 / static_cast<double>(limit);
    auto seen = fmt::format("{} of {} connections ({:.1f} %)", count, limit, percent);
    if (percent > conntrack_critical)
        judgement.add(
            Verdict::critical, std::move(seen),
            "Raise net.netfilter.nf_conntrack_max now, and see with `conntrack -L` whose connections these are");
    else if (percent > warning_percent)
        judgement.add(
            Verdict::warning, std::move(seen),
            "Raise net.netfilter.nf_conntrack_max before the table is full: new connections are dropped then");
    else
        judgement.add(Verdict::ok, std::move(seen));
}

void judge_column(Judgement& judgement, const std::string& statistics, std::string_view column, std::string_view step)
{
    const auto total = total_of(statistics, column);
    if (!total)
        return judgement.add_unknown(fmt::format("{}: holds no numbers for {}", statistics_file, column));
    if (*total > 0)
        judgement.add(Verdict::warning, fmt::format("{} = {} since the start", column, *total), step);
}

void judge_losses(Judgement& judgement, const Root& root)
{
    const auto statistics = root.text(statistics_file);
    if (!statistics)
        return judgement.add_unknown(statistics.error());
    if (!*statistics)
        return judgement.add(Verdict::ok, fmt::format("{} is not there: losses are not counted", statistics_file));
    const auto before = judgement.evidence.size();
    judge_column(judgement, **statistics, "insert_failed",
                 "Look again in a minute: where it grows, two packets of one connection race (DNS over UDP does)");
    judge_column(judgement, **statistics, "drop",
                 "Look again in a minute: where it grows, the table is full, or memory is short");
    if (judgement.evidence.size() == before)
        judgement.add(Verdict::ok, "insert_failed = 0, drop = 0");
}

}  // namespace

Judgement ConntrackCheck::examine(const Node& node) const
{
    const auto count = kernel_number(node.root, count_file);
    const auto limit = kernel_number(node.root, limit_file);
    Judgement judgement;
    for (const auto* const number : {&count, &limit})
        if (!*number)
            judgement.add_unknown(number->error());
        else if (!**number && judgement.evidence.empty())
            judgement = {.verdict = Verdict::not_applicable,
                         .evidence = {"no connections are tracked here: nf_conntrack is not loaded"}};
    if (!judgement.evidence.empty())
        return judgement;
    judge_room(judgement, **count, **limit, node.thresholds.conntrack_percent);
    judge_losses(judgement, node.root);
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
