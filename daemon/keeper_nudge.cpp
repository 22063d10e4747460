// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/keeper.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

// What kubelet makes of a nudge. It runs its whole init again, so what is missing after that is nothing of its making.
namespace chainkeeper::daemon {

namespace {

// kubelet tells nobody of an init that failed half-way. Two that leave out the same are its word.
constexpr unsigned enough_nudges = 2;

}  // namespace

void Keeper::take_profile(Watched& watched)
{
    watched.desired = repair::without(watched.profile, watched.evidence.state().left_out);
}

// When its canary is back. Where somebody took something away since, what is missing may be missing for that.
void Keeper::judge_answer(Watched& watched, const repair::Diagnosis& diagnosis)
{
    const auto& burst = hearing_.burst();
    if (burst && (burst->losses.any() || !burst->gaps.empty()))
        watched.nudged = false;
    if (!watched.nudged || diagnosis.mangle_canary_missing())
        return;
    watched.nudged = false;
    std::map<std::string, unsigned> in_vain;
    std::set<std::string> left_out;
    for (const auto& object : repair::missing_objects(watched.desired, diagnosis)) {
        const auto nudges = watched.in_vain[object] + 1;
        in_vain.emplace(object, nudges);
        if (nudges >= enough_nudges)
            left_out.insert(object);
    }
    watched.in_vain = std::move(in_vain);
    if (settings_.newer_than_profiles && !left_out.empty())
        leave_out(watched, left_out);
}

void Keeper::leave_out(Watched& watched, const std::set<std::string>& objects)
{
    watched.evidence.leaves_out(objects);
    take_profile(watched);
    watched.in_vain.clear();
    report(KubeletNews{.at = parts_.clock.now(),
                       .family = watched.desired.family,
                       .what = fmt::format("kubelet, which is newer than what is known of it, does not make: {}; not "
                                           "guarded while it runs",
                                           fmt::join(objects, "; "))});
}

bool Keeper::is_nudged_in_vain(const Watched& watched)
{
    return std::ranges::any_of(watched.in_vain, [](const auto& each) { return each.second >= enough_nudges; });
}

}  // namespace chainkeeper::daemon
