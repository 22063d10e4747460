// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/sample_reports.hpp"

namespace chainkeeper::tests {

using namespace daemon;
using namespace std::chrono_literals;
using policies::Action;
using policies::Row;
using repair::Outcome;

namespace {

constexpr auto start = sample_start;

Committed commit_that(Outcome::Kind kind)
{
    return {.at = start, .plan = sample_plan(), .outcome = {.kind = kind, .detail = "so it is"}};
}

Burst silent_burst()
{
    return {.first = start, .last = start, .worst = std::nullopt, .losses = {}, .gaps = {}};
}

Settled unnamed_flush()
{
    auto burst = silent_burst();
    burst.losses = {.rules = 1};
    return {.at = start, .burst = burst};
}

Settled deaf_moment()
{
    auto burst = silent_burst();
    burst.add_gap("events were lost (ENOBUFS)");
    return {.at = start, .burst = burst};
}

Decided healthy_decision()
{
    auto decided = sample_decision(Row::healthy, Action::none);
    decided.diagnosis.findings.clear();
    decided.plan.steps.clear();
    return decided;
}

Hold hold_of(std::string login)
{
    return {.set_at = sample_wall, .until = sample_wall + 2h, .reason = "CHG-1234", .login = std::move(login)};
}

}  // namespace

Culprit sample_culprit()
{
    return {.pid = 13417,
            .comm = "iptables",
            .unit = "iptables.service",
            .command_line = "iptables -F",
            .ancestors = {"iptables.stop (13410)", "systemd (1)"},
            .confidence = Confidence::process};
}

Burst sample_burst(const Culprit& culprit)
{
    auto burst = silent_burst();
    for (unsigned id = 7; id < 10; ++id)
        burst.add({.id = id,
                   .culprit = culprit,
                   .at = start + 19ms * (id - 7),
                   .losses = {.chains = id == 8 ? 5U : 0U, .rules = 1},
                   .touched_guarded = true});
    return burst;
}

repair::Diagnosis sample_diagnosis(repair::Family family)
{
    return {
        .family = family,
        .generation = 14,
        .findings = {
            {.kind = repair::FindingKind::chain_missing, .table = repair::Table::filter, .chain = "KUBE-FIREWALL"}}};
}

repair::Plan sample_plan(repair::Family family)
{
    return {.family = family,
            .generation = 14,
            .steps = {repair::CreateChain{repair::Table::filter, "KUBE-FIREWALL"},
                      repair::CreateChain{repair::Table::mangle, "KUBE-IPTABLES-HINT"}}};
}

Decided sample_decision(Row row, Action action, repair::Family family)
{
    const bool plans = action == Action::repair || action == Action::would_repair;
    return {.at = start,
            .diagnosis = sample_diagnosis(family),
            .decision = {.row = row, .action = action},
            .plan = plans ? sample_plan(family) : repair::Plan{.family = family, .steps = {}}};
}

std::vector<Report> sparse_reports()
{
    return {
        Heard{.at = start, .generation = {.at = start}},
        unnamed_flush(),
        deaf_moment(),
        sample_decision(Row::assist, Action::repair),
        sample_decision(Row::no_monitor, Action::would_repair),
        sample_decision(Row::kubelet_inactive, Action::wait),
        sample_decision(Row::backend_ambiguous, Action::refuse),
        sample_decision(Row::standoff, Action::refuse),
        sample_decision(Row::damaged, Action::report),
        sample_decision(Row::held, Action::report),
        healthy_decision(),
        commit_that(Outcome::Kind::committed),
        commit_that(Outcome::Kind::recorded),
        commit_that(Outcome::Kind::failed),
        commit_that(Outcome::Kind::denied),
        commit_that(Outcome::Kind::lock_timeout),
        Verified{.at = start, .fulfilled = true, .after = {.family = repair::Family::ipv4}},
        Verified{.at = start, .fulfilled = false, .after = sample_diagnosis()},
        KubeletNews{.at = start, .family = std::nullopt, .what = "kubelet has started"},
        HoldSet{.at = start, .hold = hold_of("alice")},
        HoldEnded{.at = start, .hold = hold_of("alice"), .released_by = ""},
        WindowOpened{.at = start, .until = sample_wall},
        WindowClosed{.at = start},
        PolicyLoaded{.at = start, .accepted = true, .what = ""},
        PolicyLoaded{.at = start, .accepted = false, .what = "line 7: no such key"},
        Trouble{.at = start, .what = "reading chain filter INPUT failed"},
        Notice{.at = start, .what = "there is no systemd to ask"},
        Notice{.at = start, .what = "guarding ipv4 and ipv6", .kind = Notice::Kind::started},
        Notice{.at = start, .what = "ending", .kind = Notice::Kind::stopping},
    };
}

}  // namespace chainkeeper::tests
