// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/decide.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace chainkeeper::policies {

namespace {

using When = bool (*)(const Situation&, const Policy&);
using LookAgain = std::optional<Instant> (*)(const Situation&, const Policy&);

bool is_ahead(const std::optional<Instant>& instant, Instant now)
{
    return instant && now < *instant;
}

// The first change; where nothing has changed yet, the disruptor's job that may be about to change something.
std::optional<Instant> disturbed_since(const Situation& situation)
{
    if (situation.first_generation || !situation.units)
        return situation.first_generation;
    return situation.units->disruptor_since;
}

// When the wait for the ruleset to come to rest ends, whatever goes on.
std::optional<Instant> cap(const Situation& situation, const Policy& policy)
{
    const auto since = disturbed_since(situation);
    if (!since)
        return std::nullopt;
    return *since + policy.repair.settle_deadline;
}

bool is_capped(const Situation& situation, const Policy& policy)
{
    const auto end = cap(situation, policy);
    return end && situation.now >= *end;
}

bool may_write(const Situation& situation, const Policy& policy)
{
    return !situation.write_free && policy.repair.mode != Mode::dry_run;
}

bool is_healthy(const Situation& situation, const Policy& /*policy*/)
{
    return situation.diagnosis.healthy();
}

bool is_held(const Situation& situation, const Policy& policy)
{
    return policy.repair.mode == Mode::off || situation.stopped;
}

bool is_backend_ambiguous(const Situation& situation, const Policy& /*policy*/)
{
    return !situation.backend_certain;
}

bool is_kubelet_inactive(const Situation& situation, const Policy& policy)
{
    return policy.kubelet.require_active && situation.units && !situation.units->kubelet_active;
}

bool is_kubelet_initialising(const Situation& situation, const Policy& /*policy*/)
{
    return is_ahead(situation.initialising_until, situation.now);
}

bool is_disruptor_running(const Situation& situation, const Policy& policy)
{
    return situation.units && situation.units->disruptor_with_job && !is_capped(situation, policy);
}

bool is_settling(const Situation& situation, const Policy& policy)
{
    return situation.last_generation && situation.now < *situation.last_generation + policy.repair.settle &&
           !is_capped(situation, policy);
}

bool is_standing_off(const Situation& situation, const Policy& /*policy*/)
{
    return is_ahead(situation.standoff_until, situation.now);
}

// Nothing to add, and nothing that may be taken away: foreign rules, duplicates and native copies are only ever
// reported.
bool is_only_to_be_reported(const Situation& situation, const Policy& policy)
{
    const auto may_rewrite = policy.repair.on_damage == OnDamage::rewrite && situation.diagnosis.damaged();
    return !situation.diagnosis.anything_missing() && !may_rewrite;
}

bool has_deadline_passed(const Situation& situation)
{
    return situation.monitor_deadline && situation.now >= *situation.monitor_deadline;
}

// A Monitor that nothing is known of is taken for alive until its deadline.
bool may_kubelet_still_act(const Situation& situation, const Policy& /*policy*/)
{
    return situation.diagnosis.mangle_canary_missing() && situation.monitor != Monitor::dead &&
           !has_deadline_passed(situation) && !situation.nudged;
}

// kubelet has been asked, and has some time left to answer.
bool is_being_nudged(const Situation& situation)
{
    return situation.nudged && situation.diagnosis.mangle_canary_missing() && !has_deadline_passed(situation);
}

// Only a Monitor that is known to watch answers a nudge, and only what is missing is what it mends. A canary that holds
// somebody's rule cannot be deleted.
bool can_be_nudged(const Situation& situation, const Policy& policy)
{
    return policy.repair.strategy == Strategy::nudge && situation.monitor == Monitor::alive &&
           !situation.nudged_in_vain && situation.diagnosis.anything_missing() &&
           (situation.diagnosis.mangle_canary_whole() || is_being_nudged(situation));
}

// The mangle canary hides the flush from a Monitor that looks at nothing else.
bool will_kubelet_never_notice(const Situation& situation, const Policy& policy)
{
    return !situation.diagnosis.mangle_canary_missing() && situation.monitor != Monitor::dead &&
           !can_be_nudged(situation, policy);
}

bool is_monitor_dead(const Situation& situation, const Policy& /*policy*/)
{
    return situation.monitor == Monitor::dead;
}

bool always(const Situation& /*situation*/, const Policy& /*policy*/)
{
    return true;
}

std::optional<Instant> never(const Situation& /*situation*/, const Policy& /*policy*/)
{
    return std::nullopt;
}

std::optional<Instant> when_initialised(const Situation& situation, const Policy& /*policy*/)
{
    return situation.initialising_until;
}

std::optional<Instant> when_settled(const Situation& situation, const Policy& policy)
{
    const auto settled = *situation.last_generation + policy.repair.settle;
    return std::min(settled, cap(situation, policy).value_or(settled));
}

std::optional<Instant> when_standoff_ends(const Situation& situation, const Policy& /*policy*/)
{
    return situation.standoff_until;
}

std::optional<Instant> at_monitor_deadline(const Situation& situation, const Policy& /*policy*/)
{
    return situation.monitor_deadline;
}

// A canary that was left alone in a dry run sets kubelet no time.
std::optional<Instant> when_nudge_had_its_time(const Situation& situation, const Policy& policy)
{
    if (!may_write(situation, policy))
        return std::nullopt;
    return situation.monitor_deadline.value_or(situation.now + situation.monitor_patience);
}

// What a repair does with the canaries.
enum class Canaries : std::uint8_t {
    left,
    restored,
    nudged,  // the one in mangle is deleted, and nothing else is done
};

struct TableRow {
    Row row;
    When when;
    Action action;
    LookAgain look_again;
    Canaries canaries = Canaries::left;  // of the repair, where the action is one
};

constexpr std::array decision_table{
    TableRow{Row::healthy, is_healthy, Action::none, never},
    TableRow{Row::held, is_held, Action::report, never},
    TableRow{Row::backend_ambiguous, is_backend_ambiguous, Action::refuse, never},
    TableRow{Row::kubelet_inactive, is_kubelet_inactive, Action::wait, never},
    TableRow{Row::kubelet_initialising, is_kubelet_initialising, Action::wait, when_initialised},
    TableRow{Row::disruptor_running, is_disruptor_running, Action::wait, cap},
    TableRow{Row::settling, is_settling, Action::wait, when_settled},
    TableRow{Row::standoff, is_standing_off, Action::refuse, when_standoff_ends},
    TableRow{Row::damaged, is_only_to_be_reported, Action::report, never},
    TableRow{Row::assist, may_kubelet_still_act, Action::repair, at_monitor_deadline, Canaries::left},
    TableRow{Row::partial_flush, will_kubelet_never_notice, Action::repair, never, Canaries::restored},
    TableRow{Row::nudge, can_be_nudged, Action::repair, when_nudge_had_its_time, Canaries::nudged},
    TableRow{Row::no_monitor, is_monitor_dead, Action::repair, never, Canaries::restored},
    TableRow{Row::monitor_silent, always, Action::repair, never, Canaries::restored},
};

repair::Scope scope_of(Canaries canaries, const Policy& policy)
{
    if (canaries == Canaries::nudged)
        return {.nudge = true};
    return {.canaries = canaries == Canaries::restored, .rewrite_damage = policy.repair.on_damage == OnDamage::rewrite};
}

Decision repair_of(const TableRow& row, const Situation& situation, const Policy& policy)
{
    return {.row = row.row,
            .action = may_write(situation, policy) ? Action::repair : Action::would_repair,
            .scope = scope_of(row.canaries, policy),
            .look_again = row.look_again(situation, policy)};
}

Decision decision_of(const TableRow& row, const Situation& situation, const Policy& policy)
{
    if (row.action == Action::repair)
        return repair_of(row, situation, policy);
    return {.row = row.row, .action = row.action, .scope = {}, .look_again = row.look_again(situation, policy)};
}

}  // namespace

std::string_view to_string(Monitor monitor)
{
    switch (monitor) {
    case Monitor::alive: return "alive";
    case Monitor::dead: return "dead";
    case Monitor::unknown: return "unknown";
    }
    return "unknown";
}

std::string_view to_string(Row row)
{
    switch (row) {
    case Row::healthy: return "healthy";
    case Row::held: return "held";
    case Row::backend_ambiguous: return "backend_ambiguous";
    case Row::kubelet_inactive: return "kubelet_inactive";
    case Row::kubelet_initialising: return "kubelet_initialising";
    case Row::disruptor_running: return "disruptor_running";
    case Row::settling: return "settling";
    case Row::standoff: return "standoff";
    case Row::damaged: return "damaged";
    case Row::assist: return "assist";
    case Row::partial_flush: return "partial_flush";
    case Row::nudge: return "nudge";
    case Row::no_monitor: return "no_monitor";
    case Row::monitor_silent: return "monitor_silent";
    }
    return "unknown";
}

std::string_view to_string(Action action)
{
    switch (action) {
    case Action::none: return "none";
    case Action::report: return "report";
    case Action::refuse: return "refuse";
    case Action::wait: return "wait";
    case Action::repair: return "repair";
    case Action::would_repair: return "would_repair";
    }
    return "unknown";
}

std::string to_string(const Decision& decision)
{
    if (decision.row == Row::healthy)
        return std::string{to_string(decision.row)};
    return fmt::format("{}: {}", to_string(decision.action), to_string(decision.row));
}

Decision decide(const Situation& situation, const Policy& policy)
{
    const auto* const row =
        std::ranges::find_if(decision_table, [&](const TableRow& each) { return each.when(situation, policy); });
    return decision_of(*row, situation, policy);
}

}  // namespace chainkeeper::policies
