// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/keeper.hpp"

#include "repair/diagnose.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace chainkeeper::daemon {

namespace {

// A start of the daemon does not wait for systemd's answer for longer than this.
constexpr Duration units_deadline = std::chrono::seconds{6};

bool is_dry(const Keeper::Settings& settings)
{
    return settings.dry_run || settings.policy.repair.mode != policies::Mode::repair;
}

}  // namespace

Keeper::Keeper(Parts parts, Settings settings)
    : parts_{std::move(parts)}, settings_{std::move(settings)}, names_{settings_.desired}, hearing_{parts_.clock,
                                                                                                    parts_.sink,
                                                                                                    parts_.proc}
{
    watch_families();
}

void Keeper::watch_families()
{
    watched_.clear();
    const auto now = parts_.clock.now();
    for (const auto& desired : settings_.desired)
        watched_.push_back({.profile = desired,
                            .desired = desired,
                            .evidence = {settings_.timing, now, settings_.assumed_monitor},
                            .limiter = policies::Limiter{settings_.policy.limits},
                            .due = now,
                            .guarding = guarding_[desired.family]});
}

void Keeper::adopt(Settings settings, const std::string& reason)
{
    const auto known = evidence();
    const bool was_dry = is_dry(settings_);
    const auto before = std::move(watched_);
    settings_ = std::move(settings);
    names_ = GuardedNames{settings_.desired};
    watch_families();
    for (const auto& old : before)
        if (auto* const watched = find(old.desired.family)) {
            if (!was_dry || is_dry(settings_))
                watched->limiter = old.limiter;
            watched->limiter.adopt(settings_.policy.limits);
            watched->against = old.against;
        }
    if (!settings_.assumed_monitor)
        for (auto& watched : watched_)
            if (const auto found = known.find(watched.desired.family); found != known.end()) {
                watched.evidence.take_over(found->second);
                take_profile(watched);
            }
    report(Notice{.at = parts_.clock.now(), .what = reason});
}

Keeper::Watched* Keeper::find(repair::Family family)
{
    const auto found =
        std::ranges::find(watched_, family, [](const Watched& watched) { return watched.desired.family; });
    return found == watched_.end() ? nullptr : &*found;
}

void Keeper::hear(const repair::nft::Event& event)
{
    if (const auto* const change = std::get_if<repair::nft::Change>(&event))
        return hearing_.hear(*change, names_);
    hear_generation(std::get<repair::nft::Generation>(event));
}

void Keeper::hear_generation(const repair::nft::Generation& generation)
{
    const auto transaction = hearing_.hear(generation);
    const bool gap = hearing_.take_gap();
    for (auto& watched : watched_) {
        watched.in_burst = watched.in_burst || gap;
        if (gap)
            lose_sight(watched);
        if (!transaction)
            continue;
        const auto family = watched.desired.family;
        watched.in_burst = watched.in_burst || transaction->touched.contains(family);
        watched.nudged = watched.nudged && !transaction->lost.contains(family);
        const auto canary = transaction->canaries.find(family);
        if (canary == transaction->canaries.end())
            continue;
        if (canary->second)
            watched.evidence.heard_canary_added();
        else
            watched.evidence.heard_canary_deleted(transaction->at);
    }
}

void Keeper::hear(const LegacyWrite& write)
{
    if (backend_in_use() != KnownBackend::legacy)
        return hear_elsewhere(write);
    Losses losses;
    bool is_news = false;
    for (auto& watched : watched_) {
        if (watched.guarding == Guarding::never)
            continue;
        const auto family = watched.desired.family;
        if (!write.touches(family)) {
            // A rule that took the place of another of the same length, a chain that was renamed.
            look_again_at(watched, watched.looked.value_or(write.at) + settings_.policy.guard.legacy_poll);
            continue;
        }
        is_news = watched.in_burst = true;
        const auto of_family = write.losses_of(family);
        watched.nudged = watched.nudged && !of_family.any();
        losses += of_family;
        if (write.changed.contains({family, repair::Table::mangle}))
            postpone_deadline(watched, write.at);
    }
    if (is_news)
        hearing_.hear(write, losses);
}

// Chains of kubelet's may come and go there, which tells of the backend. Nothing else there is kubelet's.
void Keeper::hear_elsewhere(const LegacyWrite& write)
{
    for (auto& watched : watched_)
        if (write.touches(watched.desired.family))
            look_again_at(watched, write.at + settings_.policy.repair.settle);
}

// The canary may have come back and have gone again, unseen. Whoever else writes to mangle all the time does not put
// the deadline off for ever.
void Keeper::postpone_deadline(Watched& watched, Instant at)
{
    const auto missing = watched.evidence.state().canary_missing_since;
    if (!missing) {
        watched.canary_missed.reset();
        return;
    }
    watched.canary_missed = watched.canary_missed.value_or(*missing);
    if (at - *watched.canary_missed < watched.evidence.patience())
        watched.evidence.lost_sight(at);
}

void Keeper::hear_gap(const std::string& reason)
{
    recheck(reason);
    for (auto& watched : watched_)
        lose_sight(watched);
}

// What kubelet did meanwhile, and whether it heard a nudge, is not known.
void Keeper::lose_sight(Watched& watched) const
{
    watched.evidence.lost_sight(parts_.clock.now());
    watched.nudged = false;
}

void Keeper::recheck(const std::string& reason)
{
    hearing_.hear_gap(reason);
    hearing_.take_gap();
    for (auto& watched : watched_)
        watched.in_burst = true;
}

void Keeper::await_units()
{
    units_expected_ = true;
    units_awaited_until_ = parts_.clock.now() + units_deadline;
}

void Keeper::hear_units(const std::optional<UnitsSeen>& seen)
{
    units_awaited_until_.reset();
    units_answer_ = seen.has_value();
    if (seen) {
        // systemd may have been away meanwhile, and kubelet not.
        if (std::exchange(kubelet_, seen->kubelet) != seen->kubelet)
            hear_kubelet(seen->kubelet);
        hearing_.hear_job(seen->disruptor_jobs.empty() ? std::string{} : seen->disruptor_jobs.front().unit);
    }
    // What cannot be asked is as it was last: a job that was running runs on, as far as anybody knows.
    if (seen)
        units_ = seen;
    look_soon();
}

void Keeper::hear_kubelet(const std::optional<KubeletUnit>& kubelet)
{
    for (auto& watched : watched_) {
        if (kubelet)
            watched.evidence.instance_began(kubelet->invocation, kubelet->active_since);
        else
            watched.evidence.instance_ended();
        take_profile(watched);
        watched.nudged = false;
        watched.in_vain.clear();
    }
    const auto what = kubelet ? fmt::format("{} runs (invocation {})", kubelet->name, kubelet->invocation)
                              : std::string{"no kubelet unit is active"};
    report(KubeletNews{.at = parts_.clock.now(), .family = std::nullopt, .what = what});
}

void Keeper::hear_init(repair::Family family, bool succeeded)
{
    auto* const watched = find(family);
    if (watched == nullptr)
        return;
    const auto before = watched->evidence.state();
    watched->evidence.init_reported(succeeded);
    if (watched->evidence.state() == before)
        return;
    report(KubeletNews{.at = parts_.clock.now(),
                       .family = family,
                       .what = succeeded ? "kubelet has made its chains, and watches them"
                                         : "kubelet failed to make its chains, and does not watch them"});
    look_soon();
}

void Keeper::hear_iptables(std::optional<KnownBackend> says)
{
    if (std::exchange(settings_.backend.iptables_says, says) == says)
        return;
    report(Notice{.at = parts_.clock.now(),
                  .what = fmt::format("iptables is another one by now: {}", settings_.backend.describe())});
    look_soon();
}

void Keeper::guard(repair::Family family, Guarding guarding)
{
    const auto before = std::exchange(guarding_[family], guarding);
    auto* const watched = find(family);
    if (before == guarding || watched == nullptr)
        return;
    watched->guarding = guarding;
    const bool never = guarding == Guarding::never;
    if (never || before == Guarding::never)
        report(KubeletNews{.at = parts_.clock.now(),
                           .family = family,
                           .what =
                               never ? "kubelet makes no chains here: none are guarded" : "kubelet makes chains here"});
    look_soon();
}

// What a dry run has used up of the limits was not used.
void Keeper::restrain(Restraint restraint)
{
    if (restraint == restraint_)
        return;
    const bool lifted = (restraint_.write_free && !restraint.write_free) || (restraint_.stopped && !restraint.stopped);
    restraint_ = restraint;
    if (lifted)
        for (auto& watched : watched_)
            watched.limiter = policies::Limiter{settings_.policy.limits};
    look_soon();
}

// Not before a burst has settled, and with what is heard until then.
void Keeper::look_soon()
{
    for (auto& watched : watched_)
        watched.due = parts_.clock.now();
}

// A restart of the firewall is one burst, however long its commands pause: it is over when its job is.
Instant Keeper::settled_at(const Burst& burst) const
{
    const auto& repair = settings_.policy.repair;
    const auto cap = burst.first + repair.settle_deadline;
    const bool has_job = units_ && !units_->disruptor_jobs.empty();
    return has_job ? cap : std::min(burst.last + repair.settle, cap);
}

std::optional<Instant> Keeper::next_look() const
{
    if (units_awaited_until_)
        return units_awaited_until_;
    if (const auto& burst = hearing_.burst())
        return settled_at(*burst);
    if (!reports_.empty())
        return Instant{};  // to be delivered, whether anything is guarded or not
    std::optional<Instant> next;
    for (const auto& watched : watched_)
        if (watched.guarding != Guarding::never && watched.due && (!next || *watched.due < *next))
            next = watched.due;
    return next;
}

Keeper::Evidence Keeper::evidence() const
{
    Evidence evidence;
    for (const auto& watched : watched_)
        evidence.emplace(watched.desired.family, watched.evidence.state());
    return evidence;
}

void Keeper::restore_evidence(const Evidence& evidence)
{
    for (auto& watched : watched_)
        if (const auto found = evidence.find(watched.desired.family); found != evidence.end()) {
            watched.evidence.restore(found->second);
            take_profile(watched);
        }
}

}  // namespace chainkeeper::daemon
