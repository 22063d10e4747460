// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/keeper.hpp"

#include "repair/diagnose.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

// What kubelet makes of a nudge. It runs its whole init again, so what is missing after that is nothing of its making.
namespace chainkeeper::daemon {

namespace {

using repair::Diagnosis;
using Objects = std::set<std::string>;

// kubelet tells nobody of an init that failed half-way. Two that leave out the same are its word.
constexpr unsigned enough_nudges = 2;

// The init may have failed for a whole table, where not even kubelet's canary came back.
bool has_canary(const Diagnosis& diagnosis, repair::Table table)
{
    return std::ranges::none_of(diagnosis.findings, [table](const repair::Finding& finding) {
        return finding.table == table && is_canary(finding) && is_missing(finding);
    });
}

// What is missing beside the canaries, in the tables whose own came back.
Diagnosis of_tables_made(Diagnosis diagnosis)
{
    const auto whole = diagnosis;
    std::erase_if(diagnosis.findings, [&](const repair::Finding& finding) {
        return is_canary(finding) || !has_canary(whole, finding.table);
    });
    return diagnosis;
}

}  // namespace

// What an instance leaves out is of use for as long as nobody knows better what it makes.
void Keeper::take_profile(Watched& watched) const
{
    const bool is_profile_right = settings_.newer_than_profiles == false;
    watched.desired =
        is_profile_right ? watched.profile : repair::without(watched.profile, watched.evidence.state().left_out);
}

// kubelet has answered when its canary is back.
void Keeper::judge_answer(Watched& watched, const Diagnosis& diagnosis)
{
    if (!watched.nudged || diagnosis.mangle_canary_missing())
        return;
    watched.nudged = false;
    std::map<std::string, unsigned> in_vain;
    for (const auto& object : repair::missing_objects(watched.desired, diagnosis))
        in_vain.emplace(object, watched.in_vain[object] + 1);
    watched.in_vain = std::move(in_vain);
    if (settings_.newer_than_profiles != true)
        return;
    auto left_out = repair::missing_objects(watched.desired, of_tables_made(diagnosis));
    std::erase_if(left_out, [&](const std::string& object) { return watched.in_vain[object] < enough_nudges; });
    if (!left_out.empty())
        leave_out(watched, left_out);
}

void Keeper::leave_out(Watched& watched, const Objects& objects)
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

// What is left out we do not make, so somebody else has made it: kubelet, as far as anybody knows.
void Keeper::take_in(Watched& watched, const repair::Snapshot& snapshot)
{
    const auto& left_out = watched.evidence.state().left_out;
    if (left_out.empty())
        return;
    const auto missing = repair::missing_objects(watched.profile, repair::diagnose(watched.profile, snapshot));
    Objects made;
    std::ranges::set_difference(left_out, missing, std::inserter(made, made.end()));
    // The rules of a chain that is missing are missing, too, but nobody tells of them one by one.
    std::erase_if(made, [&](const std::string& object) {
        return std::ranges::any_of(missing, [&](const std::string& each) { return object.starts_with(each + " "); });
    });
    if (made.empty())
        return;
    watched.evidence.makes(made);
    take_profile(watched);
    report(KubeletNews{.at = parts_.clock.now(),
                       .family = watched.desired.family,
                       .what = fmt::format("kubelet makes, after all: {}; guarded again", fmt::join(made, "; "))});
}

bool Keeper::is_nudged_in_vain(const Watched& watched)
{
    return std::ranges::any_of(watched.in_vain, [](const auto& each) { return each.second >= enough_nudges; });
}

}  // namespace chainkeeper::daemon
