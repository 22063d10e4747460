// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/conntrack_check.hpp"

#include "daemon/doctor/kernel_number.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <sstream>
#include <thread>
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

struct Losses {
    std::string_view column;
    std::string_view step;
};
constexpr std::array all_losses{
    Losses{"insert_failed",
           "See whose packets race for one connection: DNS over UDP does, from one socket twice at once"},
    Losses{"drop", "See whether the table is full or memory is short: `dmesg -T` has \"nf_conntrack: table full\""},
};

// The counters go on from the start of the kernel, and never go back: what counts is what is lost now.
void judge_growth(Judgement& judgement, const Losses& losses, const std::string& before, const std::string& after)
{
    const auto first = total_of(before, losses.column);
    const auto last = total_of(after, losses.column);
    if (!first || !last)
        return judgement.add_unknown(fmt::format("{}: holds no numbers for {}", statistics_file, losses.column));
    const bool grows = *last > *first;
    judgement.add(grows ? Verdict::warning : Verdict::ok,
                  grows ? fmt::format("{} grows: {} more within {} ms, {} since the start", losses.column,
                                      *last - *first, loss_watch.count(), *last)
                        : fmt::format("{} = {}, and does not grow", losses.column, *last),
                  grows ? losses.step : "");
}

bool any_lost(const std::string& statistics)
{
    return std::ranges::any_of(all_losses,
                               [&](const Losses& losses) { return total_of(statistics, losses.column) != 0U; });
}

void judge_losses(Judgement& judgement, const Root& root)
{
    const auto before = root.text(statistics_file);
    if (!before)
        return judgement.add_unknown(before.error());
    if (!*before)
        return judgement.add(Verdict::ok, fmt::format("{} is not there: losses are not counted", statistics_file));
    if (any_lost(**before))
        std::this_thread::sleep_for(loss_watch);
    const auto after = root.text(statistics_file);
    if (!after)
        return judgement.add_unknown(after.error());
    for (const auto& losses : all_losses)
        judge_growth(judgement, losses, **before, after->value_or(""));
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
