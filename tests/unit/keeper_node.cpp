// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/keeper_node.hpp"

#include "repair/diagnose.hpp"

#include <algorithm>

namespace chainkeeper::tests {

namespace {

using repair::Family;
using repair::Table;
using Kind = repair::nft::Change::Kind;

constexpr auto canary = repair::kubelet_canary;

void write_everything(FakeRuleset& ruleset, const repair::DesiredState& desired)
{
    const repair::Snapshot nothing{.family = desired.family, .tables = {}, .chains = {}};
    const auto plan = repair::make_plan(desired, repair::diagnose(desired, nothing), {.canaries = true});
    for (const auto& step : plan.steps) {
        const auto table = table_of(step);
        const std::string chain{chain_of(step)};
        if (std::holds_alternative<repair::CreateTable>(step))
            ruleset.create_table(desired.family, table);
        else if (std::holds_alternative<repair::CreateBaseChain>(step))
            ruleset.create_chain(desired.family, table, chain, true);
        else if (std::holds_alternative<repair::CreateChain>(step))
            ruleset.create_chain(desired.family, table, chain);
        else if (const auto* const rule = std::get_if<repair::AddRule>(&step))
            ruleset.add_rule(desired.family, table, chain, rule->rule);
        else if (const auto* const jump = std::get_if<repair::InsertJump>(&step))
            ruleset.insert_rule(desired.family, table, chain, jump->rule);
    }
}

}  // namespace

KeeperNode::KeeperNode(daemon::Keeper::Settings settings)
    : keeper{{.backends = {.nft = &backend}, .clock = clock, .sink = sink, .proc = "/nonexistent"}, std::move(settings)}
{
}

daemon::Keeper::Settings KeeperNode::default_settings()
{
    daemon::Keeper::Settings settings;
    settings.policy.repair.settle = std::chrono::milliseconds{500};
    settings.policy.repair.settle_deadline = std::chrono::seconds{10};
    settings.desired = {guarded_since_1_27(Family::ipv4)};
    settings.backend.policy = policies::BackendChoice::nft;
    return settings;
}

void KeeperNode::hear(Kind kind, std::string_view table, std::string_view chain)
{
    keeper.hear(repair::nft::Change{.kind = kind, .family = Family::ipv4, .table = table, .chain = chain});
}

void KeeperNode::hear_generation(std::string_view comm)
{
    keeper.hear(repair::nft::Generation{.id = backend.generation(), .pid = 4711, .comm = comm});
}

void KeeperNode::make_chains()
{
    backend.edit([&](FakeRuleset& ruleset) { write_everything(ruleset, desired); });
    hear(Kind::chain_added, "mangle", canary);
    hear_generation("kubelet");
}

void KeeperNode::put_canaries_back(std::span<const Table> tables)
{
    backend.edit([&](FakeRuleset& ruleset) {
        for (const auto table : tables) {
            ruleset.create_table(Family::ipv4, table);
            ruleset.create_chain(Family::ipv4, table, std::string{canary});
        }
    });
    hear(Kind::chain_added, "mangle", canary);
    hear_generation("kubelet");
}

void KeeperNode::flush_filter()
{
    backend.edit([&](FakeRuleset& ruleset) { ruleset.delete_table(Family::ipv4, Table::filter); });
    hear(Kind::rule_deleted, "filter", "KUBE-FIREWALL");
    hear(Kind::chain_deleted, "filter", "KUBE-FIREWALL");
    hear(Kind::chain_deleted, "filter", canary);
    hear_generation("iptables");
}

void KeeperNode::flush_all()
{
    backend.edit([&](FakeRuleset& ruleset) { ruleset.flush(Family::ipv4); });
    for (const auto* const table : {"mangle", "nat", "filter"}) {
        hear(Kind::chain_deleted, table, canary);
        hear(Kind::table_deleted, table);
    }
    hear_generation("nft");
}

void KeeperNode::sync_services()
{
    backend.edit([](FakeRuleset& ruleset) { ruleset.create_table(Family::ipv6, Table::filter); });
    hear(Kind::rule_deleted, "filter", "KUBE-SERVICES");
    hear_generation("iptables-restor");
}

void KeeperNode::change_something_else()
{
    backend.edit([](FakeRuleset& ruleset) { ruleset.create_table(Family::ipv6, Table::filter); });
    backend.edit([](FakeRuleset& ruleset) { ruleset.delete_table(Family::ipv6, Table::filter); });
    keeper.hear(repair::nft::Generation{.id = backend.generation() - 1, .pid = 4712, .comm = "kube-proxy"});
    hear_generation("kube-proxy");
}

bool KeeperNode::has_canaries() const
{
    return std::ranges::all_of(repair::all_tables, [&](Table table) {
        return backend.ruleset().find(Family::ipv4, table, std::string{canary}) != nullptr;
    });
}

bool KeeperNode::has_all_but_canaries() const
{
    const auto* const firewall = backend.ruleset().find(Family::ipv4, Table::filter, "KUBE-FIREWALL");
    const auto* const hint = backend.ruleset().find(Family::ipv4, Table::mangle, "KUBE-IPTABLES-HINT");
    return firewall != nullptr && firewall->rules.size() == 1 && hint != nullptr;
}

std::vector<std::string> KeeperNode::new_decisions()
{
    std::vector<std::string> names;
    const auto decisions = sink.all<daemon::Decided>();
    for (; decisions_seen_ < decisions.size(); ++decisions_seen_)
        names.push_back(to_string(decisions[decisions_seen_].decision));
    return names;
}

std::vector<std::string> KeeperNode::run_until(daemon::Duration limit)
{
    const auto end = clock.now() + limit;
    while (keeper.next_look() && *keeper.next_look() <= end) {
        clock.advance_to(std::max(clock.now(), *keeper.next_look()));
        keeper.look();
    }
    clock.advance_to(end);
    return new_decisions();
}

std::vector<std::string> KeeperNode::look_now()
{
    keeper.look();
    return new_decisions();
}

daemon::UnitsSeen running_kubelet(const std::string& invocation, daemon::Instant since)
{
    return {.kubelet =
                daemon::KubeletUnit{
                    .name = "kubelet.service", .invocation = invocation, .active_since = since, .main_pid = 4711},
            .disruptor_jobs = {}};
}

}  // namespace chainkeeper::tests
