// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/looked.hpp"
#include "daemon/node.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

std::string_view mode_in_force(const Keeper& keeper)
{
    const auto& settings = keeper.settings();
    if (keeper.restraint().stopped)
        return "stopped";
    if (settings.policy.repair.mode == policies::Mode::off)
        return to_string(policies::Mode::off);
    const bool dry = settings.dry_run || keeper.restraint().write_free;
    return to_string(dry ? policies::Mode::dry_run : policies::Mode::repair);
}

std::optional<WallTime> wall_of(const Clock& clock, std::optional<Instant> instant)
{
    return instant ? std::optional{clock.wall_of(*instant)} : std::nullopt;
}

Status::Family family_status(const Clock& clock, const Keeper::Examined& examined)
{
    return {.diagnosis = examined.diagnosis,
            .decision = examined.decision,
            .monitor = examined.monitor,
            .source = examined.source,
            .guarded = examined.guarding != Keeper::Guarding::never,
            .left_out = examined.left_out,
            .monitor_deadline = wall_of(clock, examined.monitor_deadline),
            .standoff_until = wall_of(clock, examined.standoff_until),
            .standoff_against = examined.standoff_against,
            .at_flush = to_string(examined.at_flush)};
}

}  // namespace

Requests Node::requests()
{
    return {.check = [this] { return check(); },
            .status = [this] { return status(); },
            .plan = [this] { return plan(); },
            .repair = [this](bool dry_run) { return repair_now(dry_run); },
            .recheck = [this](const std::string& reason) { recheck(reason); },
            .hold =
                [this](Hold hold) {
                    auto held = restraints_.hold(std::move(hold));
                    update_restraints();
                    return held;
                },
            .release =
                [this](const std::string& released_by) {
                    auto released = restraints_.release(released_by);
                    update_restraints();
                    return released;
                },
            .reload = [this] { return reload(); },
            .history = [this](unsigned most) { return history_.newest(most); }};
}

Status Node::status() const
{
    const auto& keeper = service_->keeper();
    Status status;
    status.families.reserve(examined_.size());
    for (const auto& examined : examined_)
        status.families.push_back(family_status(clock_, examined));
    status.mode = mode_in_force(keeper);
    if (const auto backend = keeper.backend_evidence().backend())
        status.backend = to_string(*backend);
    status.backend_evidence = keeper.backend_evidence().describe();
    status.units = keeper.units();
    status.kubelet_version = kubelet_->version();
    status.opted_out = kubelet_->opted_out();
    status.hold = restraints_.hold();
    status.window_open_until = restraints_.window_open_until();
    status.window_opens_next = restraints_.window_opens_next();
    status.last_repair = repairs_.last();
    status.last_incident = history_.last();
    status.policy_error = policy_error_;
    return status;
}

std::string Node::metrics_text() const
{
    const auto& keeper = service_->keeper();
    metrics::NodeNow now{.at = clock_.wall(), .status = status(), .families = {}};
    for (const auto family : policy_.guard.families)
        now.families.push_back({.family = family, .looked = wall_of(clock_, keeper.last_look(family)), .objects = {}});
    for (const auto& status : now.status.families) {
        const auto family = status.diagnosis.family;
        const auto found = std::ranges::find(now.families, family, &metrics::NodeNow::Family::family);
        const auto* const desired = keeper.desired_state(family);
        if (status.guarded && desired != nullptr && found != now.families.end())
            found->objects = repair::guarded_objects(*desired, status.diagnosis);
    }
    metrics::Exposition exposition{metrics::daemon_metrics()};
    metrics::add_gauges(exposition, now);
    counters_.add_to(exposition);
    metrics::add_conntrack(exposition, "/proc");
    return exposition.text();
}

// What cannot be looked at is not as it was last.
repair::Result<void> Node::examine()
{
    examined_.clear();
    return service_->keeper().examine().map([this](auto examined) { examined_ = std::move(examined); });
}

Status Node::check()
{
    note(examine());
    return status();
}

// As a look would have it that writes nothing.
Looked Node::looked_dry()
{
    Looked looked;
    if (const auto examined = examine(); !examined)
        looked.troubles.push_back(examined.error().what);
    for (const auto& examined : examined_) {
        auto& look = looked.families.emplace_back();
        look.decided = {.at = clock_.now(),
                        .diagnosis = examined.diagnosis,
                        .decision = examined.decision,
                        .plan = examined.plan,
                        .monitor = examined.monitor,
                        .source = examined.source,
                        .backend = service_->keeper().backend_evidence().describe(),
                        .standoff_against = examined.standoff_against,
                        .standoff_until = wall_of(clock_, examined.standoff_until)};
    }
    return looked;
}

nlohmann::json Node::plan()
{
    return plan_json(looked_dry());
}

nlohmann::json Node::repair_now(bool dry_run)
{
    if (dry_run)
        return repair_json(looked_dry());
    LookSink sink;
    sink_.add(sink);
    service_->look_now();
    sink_.remove(sink);
    // Nothing is looked at while the ruleset moves: what it waits for is said instead.
    const bool looked = !sink.looked().families.empty() || !sink.looked().troubles.empty();
    return repair_json(looked ? sink.looked() : looked_dry());
}

}  // namespace chainkeeper::daemon
