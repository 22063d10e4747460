// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/decide.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <string>
#include <utility>
#include <vector>

namespace chainkeeper::policies {

namespace {

using namespace std::chrono_literals;
using repair::Finding;
using repair::FindingKind;
using repair::Table;

constexpr Instant now{1000s};
constexpr Duration tick{1};

Finding finding(FindingKind kind, Table table, std::string chain)
{
    Finding finding{};
    finding.kind = kind;
    finding.table = table;
    finding.chain = std::move(chain);
    return finding;
}

Finding firewall_missing()
{
    return finding(FindingKind::chain_missing, Table::filter, "KUBE-FIREWALL");
}

Finding mangle_canary_missing()
{
    return finding(FindingKind::chain_missing, Table::mangle, "KUBE-KUBELET-CANARY");
}

Finding firewall(FindingKind kind)
{
    return finding(kind, Table::filter, "KUBE-FIREWALL");
}

struct Case {
    Situation situation;
    Policy policy;

    [[nodiscard]] Decision decided() const { return decide(situation, policy); }
    void found(std::vector<Finding> findings) { situation.diagnosis.findings = std::move(findings); }
};

// KUBE-FIREWALL is gone, the mangle canary is not, and nothing stands in the way: row partial_flush.
Case partial_flush()
{
    Case each;
    each.situation.now = now;
    each.situation.units = Situation::Units{};
    each.situation.monitor = Monitor::alive;
    each.found({firewall_missing()});
    return each;
}

Case full_flush()
{
    auto each = partial_flush();
    each.found({mangle_canary_missing(), firewall_missing()});
    return each;
}

// Each makes its row match, and touches nothing that rows above it look at.
struct Arrangement {
    Row row;
    Action action;
    void (*arrange)(Case&);
};

constexpr std::array arrangements{
    Arrangement{Row::healthy, Action::none, [](Case& each) { each.found({}); }},
    Arrangement{Row::held, Action::report, [](Case& each) { each.situation.stopped = true; }},
    Arrangement{Row::backend_ambiguous, Action::refuse, [](Case& each) { each.situation.backend_certain = false; }},
    Arrangement{Row::kubelet_inactive, Action::wait, [](Case& each) { each.situation.units->kubelet_active = false; }},
    Arrangement{Row::kubelet_initialising, Action::wait,
                [](Case& each) { each.situation.initialising_until = now + tick; }},
    Arrangement{Row::disruptor_running, Action::wait,
                [](Case& each) { each.situation.units->disruptor_with_job = "iptables.service"; }},
    Arrangement{Row::settling, Action::wait, [](Case& each) { each.situation.last_generation = now; }},
    Arrangement{Row::standoff, Action::refuse, [](Case& each) { each.situation.standoff_until = now + tick; }},
    Arrangement{Row::damaged, Action::report, [](Case& each) { each.found({firewall(FindingKind::chain_damaged)}); }},
    Arrangement{Row::assist, Action::repair, [](Case& each) { each.found({mangle_canary_missing()}); }},
    Arrangement{Row::partial_flush, Action::repair, [](Case& each) { each.found({firewall_missing()}); }},
    Arrangement{Row::nudge, Action::repair,
                [](Case& each) {
                    each.found({firewall_missing()});
                    each.policy.repair.strategy = Strategy::nudge;
                }},
    Arrangement{Row::no_monitor, Action::repair, [](Case& each) { each.situation.monitor = Monitor::dead; }},
    Arrangement{Row::monitor_silent, Action::repair,
                [](Case& each) {
                    each.found({mangle_canary_missing()});
                    each.situation.monitor_deadline = now;
                }},
};

// Rows whose conditions contradict each other: what is missing, or the Monitor, is one thing for the one and another
// for the other.
constexpr std::array contradictions{
    std::pair{Row::healthy, Row::assist},        std::pair{Row::damaged, Row::assist},
    std::pair{Row::assist, Row::partial_flush},  std::pair{Row::assist, Row::no_monitor},
    std::pair{Row::assist, Row::monitor_silent}, std::pair{Row::partial_flush, Row::no_monitor},
    std::pair{Row::partial_flush, Row::nudge},   std::pair{Row::nudge, Row::no_monitor},
};

bool contradict(Row one, Row other)
{
    return std::ranges::find(contradictions, std::pair{one, other}) != contradictions.end();
}

Case last_generation_at(Instant first, Instant last)
{
    auto each = partial_flush();
    each.policy.repair.settle = 500ms;
    each.policy.repair.settle_deadline = 10s;
    each.situation.first_generation = first;
    each.situation.last_generation = last;
    return each;
}

}  // namespace

TEST_CASE("every row decides when it is the only one that matches")
{
    for (const auto& arrangement : arrangements) {
        auto each = partial_flush();
        arrangement.arrange(each);
        CAPTURE(to_string(arrangement.row));
        CHECK(to_string(each.decided().row) == to_string(arrangement.row));
        CHECK(each.decided().scope.nudge == (arrangement.row == Row::nudge));
        CHECK(to_string(each.decided().action) == to_string(arrangement.action));
    }
}

TEST_CASE("the arrangements are all the rows, in the order of the table")
{
    std::vector<Row> rows;
    rows.reserve(arrangements.size());
    for (const auto& arrangement : arrangements)
        rows.push_back(arrangement.row);
    CHECK(rows.size() == static_cast<std::size_t>(Row::monitor_silent) + 1);
    CHECK(std::ranges::is_sorted(rows));
}

TEST_CASE("of two rows that match, the first decides")
{
    for (std::size_t first = 0; first < arrangements.size(); ++first)
        for (std::size_t second = first + 1; second < arrangements.size(); ++second) {
            const auto& above = arrangements.at(first);
            const auto& below = arrangements.at(second);
            if (contradict(above.row, below.row))
                continue;
            auto each = partial_flush();
            below.arrange(each);
            above.arrange(each);
            CAPTURE(to_string(above.row));
            CAPTURE(to_string(below.row));
            CHECK(to_string(each.decided().row) == to_string(above.row));
        }
}

TEST_CASE("decisions have stable names")
{
    auto each = partial_flush();
    CHECK(to_string(each.decided()) == "repair: partial_flush");
    each.found({});
    CHECK(to_string(each.decided()) == "healthy");
    each = full_flush();
    CHECK(to_string(each.decided()) == "repair: assist");
    each.situation.write_free = true;
    CHECK(to_string(each.decided()) == "would_repair: assist");
    each.found({firewall(FindingKind::foreign_rule)});
    CHECK(to_string(each.decided()) == "report: damaged");
    CHECK(to_string(Monitor::alive) == "alive");
    CHECK(to_string(Monitor::dead) == "dead");
    CHECK(to_string(Monitor::unknown) == "unknown");
}

TEST_CASE("mode off holds as --stop does")
{
    auto each = partial_flush();
    each.policy.repair.mode = Mode::off;
    CHECK(to_string(each.decided()) == "report: held");
}

TEST_CASE("a row that waits for no clock names no time")
{
    for (const auto row : {Row::healthy, Row::held, Row::backend_ambiguous, Row::kubelet_inactive, Row::damaged}) {
        const auto& arrangement = arrangements.at(static_cast<std::size_t>(row));
        auto each = partial_flush();
        arrangement.arrange(each);
        CAPTURE(to_string(row));
        CHECK(each.decided() == Decision{row, arrangement.action, {}, std::nullopt});
    }
}

TEST_CASE("where there is no systemd to ask, no unit is waited for")
{
    auto each = partial_flush();
    each.situation.units.reset();
    CHECK(to_string(each.decided()) == "repair: partial_flush");
}

TEST_CASE("kubelet's first init is waited for until its grace ends")
{
    auto each = partial_flush();
    each.situation.initialising_until = now + tick;
    CHECK(to_string(each.decided()) == "wait: kubelet_initialising");
    CHECK(each.decided().look_again == now + tick);
    each.situation.initialising_until = now;
    CHECK(to_string(each.decided()) == "repair: partial_flush");
    each.situation.initialising_until = now - tick;
    CHECK(to_string(each.decided()) == "repair: partial_flush");
}

TEST_CASE("the ruleset settles for the time that the policy says")
{
    CHECK(to_string(last_generation_at(now - 500ms, now - 500ms + tick).decided()) == "wait: settling");
    CHECK(to_string(last_generation_at(now - 500ms, now - 500ms).decided()) == "repair: partial_flush");
    CHECK(last_generation_at(now - 1s, now - 100ms).decided().look_again == now + 400ms);

    auto at_once = last_generation_at(now, now);
    at_once.policy.repair.settle = 0s;
    CHECK(to_string(at_once.decided()) == "repair: partial_flush");
}

TEST_CASE("a ruleset that does not settle is repaired at the settle deadline")
{
    CHECK(to_string(last_generation_at(now - 10s + tick, now).decided()) == "wait: settling");
    CHECK(last_generation_at(now - 10s + tick, now).decided().look_again == now + tick);
    CHECK(to_string(last_generation_at(now - 10s, now).decided()) == "repair: partial_flush");
    CHECK(to_string(last_generation_at(now - 11s, now).decided()) == "repair: partial_flush");
}

TEST_CASE("settling ends at the deadline or when it is settled, whichever is first")
{
    CHECK(last_generation_at(now - 9500ms, now).decided().look_again == now + 500ms);
    CHECK(last_generation_at(now - 9501ms, now).decided().look_again == now + 499ms);
    CHECK(last_generation_at(now - 9499ms, now).decided().look_again == now + 500ms);

    auto no_first = last_generation_at(now, now);
    no_first.situation.first_generation.reset();
    CHECK(to_string(no_first.decided()) == "wait: settling");
    CHECK(no_first.decided().look_again == now + 500ms);
}

TEST_CASE("a disruptor is waited for until the settle deadline")
{
    auto each = last_generation_at(now - 10s + tick, now - 5s);
    each.situation.units->disruptor_with_job = "iptables.service";
    CHECK(to_string(each.decided()) == "wait: disruptor_running");
    CHECK(each.decided().look_again == now + tick);
    each.situation.first_generation = now - 10s;
    each.situation.last_generation = now;
    CHECK(to_string(each.decided()) == "repair: partial_flush");
}

TEST_CASE("a disruptor that has changed nothing yet is waited for until the settle deadline of its job")
{
    auto each = partial_flush();
    each.situation.units->disruptor_with_job = "iptables.service";
    each.situation.units->disruptor_since = now - 10s + tick;
    CHECK(to_string(each.decided()) == "wait: disruptor_running");
    CHECK(each.decided().look_again == now + tick);
    each.situation.units->disruptor_since = now - 10s;
    CHECK(to_string(each.decided()) == "repair: partial_flush");
}

TEST_CASE("a disruptor that has changed something is waited for from then on, however old its job is")
{
    auto each = last_generation_at(now - 10s + tick, now - 5s);
    each.situation.units->disruptor_with_job = "iptables.service";
    each.situation.units->disruptor_since = now - 1h;
    CHECK(to_string(each.decided()) == "wait: disruptor_running");
    CHECK(each.decided().look_again == now + tick);
    each.situation.first_generation = now - 10s;
    each.situation.units->disruptor_since = now;
    CHECK(to_string(each.decided()) == "repair: partial_flush");
}

TEST_CASE("a job that nobody knows the beginning of, and that has changed nothing, is waited for without an end")
{
    auto each = partial_flush();
    each.situation.units->disruptor_with_job = "iptables.service";
    CHECK(to_string(each.decided()) == "wait: disruptor_running");
    CHECK(each.decided().look_again == std::nullopt);
}

TEST_CASE("a kubelet that need not be active is not waited for")
{
    auto each = partial_flush();
    each.situation.units->kubelet_active = false;
    CHECK(to_string(each.decided()) == "wait: kubelet_inactive");
    each.policy.kubelet.require_active = false;
    CHECK(to_string(each.decided()) == "repair: partial_flush");
}

TEST_CASE("the standoff ends when it says")
{
    auto each = partial_flush();
    each.situation.standoff_until = now + tick;
    CHECK(to_string(each.decided()) == "refuse: standoff");
    CHECK(each.decided().look_again == now + tick);
    each.situation.standoff_until = now;
    CHECK(to_string(each.decided()) == "repair: partial_flush");
}

TEST_CASE("what adding cannot mend is reported")
{
    for (const auto kind : {FindingKind::chain_damaged, FindingKind::foreign_rule, FindingKind::duplicate_rule,
                            FindingKind::duplicate_jump, FindingKind::native_copy})
        for (const auto monitor : {Monitor::alive, Monitor::dead, Monitor::unknown}) {
            auto each = partial_flush();
            each.situation.monitor = monitor;
            each.found({firewall(kind)});
            CAPTURE(repair::to_string(kind));
            CHECK(to_string(each.decided()) == "report: damaged");
        }
}

TEST_CASE("damage alone is rewritten where the policy says so")
{
    auto each = partial_flush();
    each.policy.repair.on_damage = OnDamage::rewrite;
    each.found({firewall(FindingKind::chain_damaged)});
    CHECK(to_string(each.decided()) == "repair: partial_flush");
    CHECK(each.decided().scope.rewrite_damage);
    each.situation.monitor = Monitor::dead;
    CHECK(to_string(each.decided()) == "repair: no_monitor");
}

TEST_CASE("what is not damage is never rewritten")
{
    for (const auto kind : {FindingKind::foreign_rule, FindingKind::duplicate_rule, FindingKind::duplicate_jump,
                            FindingKind::native_copy}) {
        auto each = partial_flush();
        each.policy.repair.on_damage = OnDamage::rewrite;
        each.found({firewall(kind)});
        CAPTURE(repair::to_string(kind));
        CHECK(to_string(each.decided()) == "report: damaged");
    }
}

TEST_CASE("damage beside something missing does not keep that from being repaired")
{
    auto each = partial_flush();
    each.found({firewall_missing(), firewall(FindingKind::chain_damaged)});
    CHECK(to_string(each.decided()) == "repair: partial_flush");
    CHECK_FALSE(each.decided().scope.rewrite_damage);
}

TEST_CASE("a Monitor that may still act is left its canaries, until its deadline")
{
    for (const auto monitor : {Monitor::alive, Monitor::unknown}) {
        auto each = full_flush();
        each.situation.monitor = monitor;
        CHECK(each.decided() == Decision{Row::assist, Action::repair, {.canaries = false}, std::nullopt});
        each.situation.monitor_deadline = now + tick;
        CHECK(each.decided() == Decision{Row::assist, Action::repair, {.canaries = false}, now + tick});
        each.situation.monitor_deadline = now;
        CHECK(each.decided() == Decision{Row::monitor_silent, Action::repair, {.canaries = true}, std::nullopt});
        each.situation.monitor_deadline = now - tick;
        CHECK(each.decided() == Decision{Row::monitor_silent, Action::repair, {.canaries = true}, std::nullopt});
    }
}

TEST_CASE("with the mangle canary in place kubelet notices nothing, and everything is repaired")
{
    for (const auto monitor : {Monitor::alive, Monitor::unknown}) {
        auto each = partial_flush();
        each.situation.monitor = monitor;
        CHECK(each.decided() == Decision{Row::partial_flush, Action::repair, {.canaries = true}, std::nullopt});
        each.found({finding(FindingKind::chain_missing, Table::nat, "KUBE-KUBELET-CANARY")});
        CHECK(each.decided() == Decision{Row::partial_flush, Action::repair, {.canaries = true}, std::nullopt});
    }
}

TEST_CASE("a nudge deletes the canary, and is looked after when kubelet's time is over")
{
    auto each = partial_flush();
    each.policy.repair.strategy = Strategy::nudge;
    each.policy.repair.on_damage = OnDamage::rewrite;
    CHECK(each.decided() == Decision{Row::nudge, Action::repair, {.nudge = true}, now + 75s});
    each.situation.monitor_patience = 20s;
    CHECK(each.decided().look_again == now + 20s);
    CHECK(to_string(each.decided()) == "repair: nudge");
    each.situation.write_free = true;
    CHECK(each.decided() == Decision{Row::nudge, Action::would_repair, {.nudge = true}, std::nullopt});
}

TEST_CASE("only a Monitor that is known to watch is nudged")
{
    auto each = partial_flush();
    each.policy.repair.strategy = Strategy::nudge;
    each.situation.monitor = Monitor::unknown;
    CHECK(each.decided() == Decision{Row::partial_flush, Action::repair, {.canaries = true}, std::nullopt});
    each.situation.monitor = Monitor::dead;
    CHECK(each.decided() == Decision{Row::no_monitor, Action::repair, {.canaries = true}, std::nullopt});
}

TEST_CASE("a Monitor that answered and did not bring back what is missing is not nudged again")
{
    auto each = partial_flush();
    each.policy.repair.strategy = Strategy::nudge;
    each.situation.nudged_in_vain = true;
    CHECK(each.decided() == Decision{Row::partial_flush, Action::repair, {.canaries = true}, std::nullopt});
}

TEST_CASE("a Monitor that we have nudged is waited for until its deadline")
{
    auto each = full_flush();
    each.policy.repair.strategy = Strategy::nudge;
    each.situation.nudged = true;
    each.situation.monitor = Monitor::alive;
    each.situation.monitor_deadline = now + tick;
    CHECK(each.decided() == Decision{Row::nudge, Action::repair, {.nudge = true}, now + tick});
    each.situation.monitor_deadline = now;
    CHECK(to_string(each.decided()) == "repair: monitor_silent");
}

TEST_CASE("a canary that is gone has nudged already")
{
    auto each = full_flush();
    each.policy.repair.strategy = Strategy::nudge;
    each.situation.monitor_deadline = now + tick;
    CHECK(to_string(each.decided()) == "repair: assist");
    each.situation.monitor_deadline = now;
    CHECK(to_string(each.decided()) == "repair: monitor_silent");
}

TEST_CASE("a canary that holds somebody's rule is not deleted: what is missing is rebuilt")
{
    for (const auto kind : {FindingKind::foreign_rule, FindingKind::chain_damaged, FindingKind::native_copy}) {
        auto each = partial_flush();
        each.policy.repair.strategy = Strategy::nudge;
        each.found({firewall_missing(), finding(kind, Table::mangle, "KUBE-KUBELET-CANARY")});
        CHECK(to_string(each.decided()) == "repair: partial_flush");
        each.found({firewall_missing(), finding(kind, Table::nat, "KUBE-KUBELET-CANARY")});
        CHECK(to_string(each.decided()) == "repair: nudge");
    }
}

TEST_CASE("no nudge takes damage away, so that is rewritten")
{
    auto each = partial_flush();
    each.policy.repair.strategy = Strategy::nudge;
    each.policy.repair.on_damage = OnDamage::rewrite;
    each.found({firewall(FindingKind::chain_damaged)});
    CHECK(each.decided() ==
          Decision{Row::partial_flush, Action::repair, {.canaries = true, .rewrite_damage = true}, std::nullopt});
    each.found({firewall_missing(), firewall(FindingKind::chain_damaged)});
    CHECK(to_string(each.decided()) == "repair: nudge");
}

TEST_CASE("a deadline that has passed is of no interest while the mangle canary is in place")
{
    auto each = partial_flush();
    each.situation.monitor_deadline = now - 1s;
    CHECK(to_string(each.decided()) == "repair: partial_flush");
}

TEST_CASE("where no Monitor runs, the canaries come back with the rest")
{
    for (auto each : {partial_flush(), full_flush()}) {
        each.situation.monitor = Monitor::dead;
        CHECK(each.decided() == Decision{Row::no_monitor, Action::repair, {.canaries = true}, std::nullopt});
        each.situation.monitor_deadline = now + 1s;
        CHECK(each.decided() == Decision{Row::no_monitor, Action::repair, {.canaries = true}, std::nullopt});
    }
}

TEST_CASE("a dry run decides as a real one, and would repair")
{
    for (const auto& arrangement : arrangements) {
        auto real = partial_flush();
        real.policy.repair.on_damage = OnDamage::rewrite;
        arrangement.arrange(real);
        auto expected = real.decided();
        if (expected.action == Action::repair)
            expected.action = Action::would_repair;
        if (expected.row == Row::nudge)
            expected.look_again.reset();  // the canary is still there

        auto by_policy = real;
        by_policy.policy.repair.mode = Mode::dry_run;
        auto by_situation = real;
        by_situation.situation.write_free = true;
        CAPTURE(to_string(arrangement.row));
        CHECK(by_policy.decided() == expected);
        CHECK(by_situation.decided() == expected);
    }
}

TEST_CASE("every repair but a nudge rewrites damage where the policy says so, and nothing else does")
{
    for (const auto& arrangement : arrangements) {
        auto each = partial_flush();
        arrangement.arrange(each);
        CAPTURE(to_string(arrangement.row));
        CHECK_FALSE(each.decided().scope.rewrite_damage);
        each.policy.repair.on_damage = OnDamage::rewrite;
        const auto decision = each.decided();
        CHECK(decision.scope.rewrite_damage == (decision.action == Action::repair && decision.row != Row::nudge));
    }
}

}  // namespace chainkeeper::policies
