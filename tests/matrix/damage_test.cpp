// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/contract/world.hpp"
#include "tests/matrix/release.hpp"
#include "tests/matrix/setting.hpp"
#include "tests/support/command.hpp"
#include "tests/support/kubelet.hpp"
#include "tests/support/network_namespace.hpp"
#include "tests/support/ruleset.hpp"

#include <array>
#include <doctest/doctest.h>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

// What is left of kubelet's chains after an iptables of any version has damaged them, and what a repair makes of it.
namespace chainkeeper::tests {

using namespace repair;

namespace {

void do_in(Table table, const DesiredState& desired, const Iptables& with, const std::vector<std::string>& arguments)
{
    must_run(with.command(desired.family, table, arguments));
}

// One object of each kind, as often as there is one.
void delete_some(const DesiredState& desired, const Iptables& with)
{
    for (const auto& chain : desired.chains)
        if (!chain.rules.empty())
            do_in(chain.table, desired, with, {"-D", chain.name, "1"});
    for (const auto& jump : desired.jumps)
        do_in(jump.table, desired, with, {"-D", jump.base_chain, "1"});
    do_in(Table::mangle, desired, with, {"-X", "KUBE-IPTABLES-HINT"});
}

// As a restart of iptables does it that knows of no mangle.
void flush_filter_and_nat(const DesiredState& desired, const Iptables& with)
{
    for (const auto table : {Table::filter, Table::nat})
        for (const auto* const how : {"-F", "-X"})
            do_in(table, desired, with, {how});
}

struct Damage {
    std::string_view name;
    void (*inflict)(const DesiredState&, const Iptables&);
};
constexpr std::array damages{Damage{"one object of each kind", delete_some},
                             Damage{"all of filter and nat", flush_filter_and_nat}};

// For every setting, damage and release that inflicts it.
void for_each_damage(const std::function<void(const Setting&, const Damage&, const Iptables&)>& examine_one)
{
    for_each_setting([&](const Setting& setting) {
        for (const auto& damage : damages)
            for (const auto& release : releases()) {
                CAPTURE(damage.name);
                CAPTURE(release.version);
                const NetworkNamespace network_namespace;
                examine_one(setting, damage, release.iptables(setting.backend.iptables));
            }
    });
}

// Writes down what a step adds.
struct Addition {
    DesiredState& added;

    void operator()(const CreateChain& step) const { add({step.table, step.chain, {}, {}}); }
    void operator()(const AddRule& step) const { add({step.table, step.chain, {step.rule}, {}}); }
    void operator()(const InsertJump& step) const { added.jumps.push_back({step.table, step.base_chain, step.rule}); }
    void operator()(const auto& /*of no interest to kubelet*/) const {}

    void add(DesiredChain chain) const { added.chains.push_back(std::move(chain)); }
};

DesiredState added_by(const Plan& plan)
{
    DesiredState added{.family = plan.family, .chains = {}, .jumps = {}};
    for (const auto& step : plan.steps)
        std::visit(Addition{added}, step);
    return added;
}

// After damage to `setting`'s chains.
Plan repair(const Setting& setting)
{
    const auto backend = setting.backend.open();
    REQUIRE_FALSE(examine(*backend, setting.desired).healthy());
    auto repair = repair_all(*backend, setting.desired);
    REQUIRE(repair.outcome.kind == Outcome::Kind::committed);
    CHECK(examine(*backend, setting.desired).healthy());
    return std::move(repair.plan);
}

void check_known_to_all(const DesiredState& desired, IptablesBackend backend)
{
    for (const auto& release : releases()) {
        CAPTURE("known to " + release.version);
        CHECK(one_a_line(unknown_to_iptables(desired, release.iptables(backend))) == "");
    }
}

}  // namespace

TEST_CASE("what we made, an iptables damaged and we repaired, every iptables knows")
{
    for_each_damage([](const Setting& setting, const Damage& damage, const Iptables& damaging) {
        repair_all(*setting.backend.open(), setting.desired);
        damage.inflict(setting.desired, damaging);
        repair(setting);
        check_known_to_all(setting.desired, setting.backend.iptables);
    });
}

TEST_CASE("what an iptables made and damaged and we repaired is as it was, and every iptables knows what we added")
{
    for_each_damage([](const Setting& setting, const Damage& damage, const Iptables& iptables) {
        const auto family = setting.desired.family;
        make_as_kubelet(setting.minor, family, iptables);
        const auto before = saved(family, iptables);
        damage.inflict(setting.desired, iptables);
        CHECK(saved(family, iptables) != before);
        const auto added = added_by(repair(setting));
        CHECK_FALSE(added.empty());
        check_known_to_all(added, setting.backend.iptables);
        CHECK(saved(family, iptables) == before);
        CHECK(one_a_line(missed_by_kubelet(setting.minor, family, iptables)) == "");
    });
}

}  // namespace chainkeeper::tests
