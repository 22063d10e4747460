// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/conntrack_check.hpp"

#include "daemon/doctor/conntrack_losses.hpp"
#include "daemon/doctor/kernel_modules.hpp"
#include "daemon/doctor/kernel_number.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <thread>
#include <utility>

namespace chainkeeper::daemon::doctor {

namespace {

const std::string count_file = "/proc/sys/net/netfilter/nf_conntrack_count";
const std::string limit_file = "/proc/sys/net/netfilter/nf_conntrack_max";
const std::string statistics_file = "/proc/net/stat/nf_conntrack";
const std::string ctnetlink = "nf_conntrack_netlink";

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

struct Loss {
    std::string_view name;
    std::uint64_t ConntrackLosses::*count;
    std::uint64_t least;  // so many more are a warning
    std::string_view step;
};
constexpr std::array all_losses{
    Loss{"insert_failed", &ConntrackLosses::insert_failed, least_failed,
         "See whose packets race for one connection: DNS over UDP does, from one socket twice at once"},
    Loss{"drop", &ConntrackLosses::drop, 1,
         "See whether the table is full or memory is short: `dmesg -T` has \"nf_conntrack: table full\""},
    Loss{"early_drop", &ConntrackLosses::early_drop, 1,
         "Raise net.netfilter.nf_conntrack_max: the table is full, and connections give way to new ones"},
};

// The counters go on from the start of the kernel, and never go back: what counts is what is lost now.
std::uint64_t growth(std::uint64_t before, std::uint64_t after)
{
    return after - std::min(before, after);
}

// A race that is lost is in both counters (net/netfilter/nf_conntrack_core.c, nf_ct_resolve_clash).
ConntrackLosses without_races(ConntrackLosses losses, std::uint64_t races)
{
    losses.drop -= std::min(losses.drop, races);
    return losses;
}

void judge_growth(Judgement& judgement, const Loss& loss, const ConntrackLosses& before, const ConntrackLosses& after)
{
    const auto total = after.*loss.count;
    const auto more = growth(before.*loss.count, total);
    if (more == 0)
        return judgement.add(Verdict::ok, fmt::format("{} = {}, and does not grow", loss.name, total));
    const bool is_many = more >= loss.least;
    judgement.add(is_many ? Verdict::warning : Verdict::ok,
                  fmt::format("{} grows: {} more within {} ms, {} since the start{}", loss.name, more,
                              loss_watch.count(), total, is_many ? "" : "; so few are usual"),
                  is_many ? loss.step : "");
}

// Where nobody has asked for ctnetlink yet, asking would load it.
LossesSeen ask_kernel(const Node& node)
{
    const auto modules = KernelModules::read(node.root, node.running_kernel, true);
    if (modules && modules->state_of(ctnetlink) == ModuleState::loadable)
        return LossesTold{.losses = std::nullopt, .untold = fmt::format("{} is not loaded", ctnetlink)};
    return node.loss_counters.read();
}

LossesSeen losses_now(const Node& node)
{
    const auto statistics = node.root.text(statistics_file);
    if (!statistics)
        return tl::unexpected(statistics.error());
    if (!*statistics)
        return node.is_image() ? node.loss_counters.read() : ask_kernel(node);
    return losses_in(**statistics)
        .map([](const ConntrackLosses& losses) { return LossesTold{.losses = losses}; })
        .map_error([](const std::string& error) { return fmt::format("{}: {}", statistics_file, error); });
}

void judge_losses(Judgement& judgement, const Node& node)
{
    const auto before = losses_now(node);
    if (before && before->losses && *before->losses != ConntrackLosses{})
        std::this_thread::sleep_for(loss_watch);
    const auto after = before ? losses_now(node) : before;
    if (!after)
        return judgement.add_unknown(after.error());
    if (!before->losses || !after->losses)
        return judgement.add(Verdict::ok,
                             fmt::format("the kernel does not tell how many connections were lost: there is no {}; {}",
                                         statistics_file, after->untold));
    const auto races = growth(before->losses->insert_failed, after->losses->insert_failed);
    for (const auto& loss : all_losses)
        judge_growth(judgement, loss, *before->losses, without_races(*after->losses, races));
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
    judge_losses(judgement, node);
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
