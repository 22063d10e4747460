// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/contract/world.hpp"
#include "tests/support/kubelet.hpp"
#include "tests/support/ruleset.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <set>
#include <string>
#include <thread>
#include <vector>

// Invariant: a repair of one family is one transaction, and nobody ever sees a part of it.
namespace chainkeeper::tests {

using namespace repair;

namespace {

// The writer waits for the observer this often, so that on any machine both states are seen many times.
constexpr int repairs_between_meetings = 10;

// How much of the guarded set is there: chains, rules and jumps.
std::size_t present_in(const DesiredState& desired, const Snapshot& snapshot)
{
    const auto holds = [&](Table table, const std::string& chain, const Rule& rule) {
        const auto* const found = snapshot.find(table, chain);
        if (found == nullptr)
            return std::size_t{0};
        for (const auto& observed : found->rules)
            if (observed.rule == rule)
                return std::size_t{1};
        return std::size_t{0};
    };
    std::size_t present = 0;
    for (const auto& chain : desired.chains) {
        present += snapshot.find(chain.table, chain.name) == nullptr ? 0 : 1;
        for (const auto& rule : chain.rules)
            present += holds(chain.table, chain.name, rule);
    }
    for (const auto& jump : desired.jumps)
        present += holds(jump.table, jump.base_chain, jump.rule);
    return present;
}

std::size_t objects_of(const DesiredState& desired)
{
    std::size_t objects = desired.chains.size() + desired.jumps.size();
    for (const auto& chain : desired.chains)
        objects += chain.rules.size();
    return objects;
}

// Looks as fast as it can, in a thread of its own with a socket of its own, from its making until it is stopped.
class Observer {
public:
    struct Seen {
        std::size_t whole = 0;
        std::size_t none = 0;
        std::size_t part = 0;
        std::set<std::uint32_t> generations;
        std::vector<std::string> errors;
    };

    explicit Observer(const DesiredState& desired) : desired_{desired}, thread_{[this] { look_on(); }} {}
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;
    Observer(Observer&&) = delete;
    Observer& operator=(Observer&&) = delete;
    ~Observer() { stop(); }

    // Returns when a look that began after the call is over.
    void meet() const
    {
        const auto target = looks_.load() + 2;
        while (looks_.load() < target && !is_over_)
            std::this_thread::yield();
    }

    const Seen& stop()
    {
        is_wanted_ = false;
        if (thread_.joinable())
            thread_.join();
        return seen_;
    }

private:
    void look_on()
    {
        // A thread has the network namespace of the one that started it.
        const auto backend = nft::NftBackend::open();
        while (is_wanted_ && backend) {
            note((*backend)->observe(desired_));
            ++looks_;
        }
        if (!backend)
            seen_.errors.push_back(backend.error().what);
        is_over_ = true;
    }

    void note(const Result<Snapshot>& snapshot)
    {
        if (!snapshot) {
            // A look that never came to rest saw nothing.
            if (snapshot.error().code != ErrorCode::unsettled)
                seen_.errors.push_back(snapshot.error().what);
            return;
        }
        const auto present = present_in(desired_, *snapshot);
        if (present == 0)
            ++seen_.none;
        else if (present == objects_of(desired_))
            ++seen_.whole;
        else
            ++seen_.part;
        seen_.generations.insert(snapshot->generation);
    }

    const DesiredState& desired_;
    std::atomic<bool> is_wanted_{true};
    std::atomic<bool> is_over_{false};
    std::atomic<std::uint64_t> looks_{0};
    Seen seen_;
    std::thread thread_;
};

// The kernel holds a rule with an xtables extension back until what was deleted before is destroyed
// (net/netfilter/nft_compat.c; some 10 ms). The same set with plain verdicts in place of those rules is a thousand
// times made in a moment.
DesiredState without_extensions(DesiredState desired)
{
    const Rule drop{.source = AddressMatch{.prefix = {.address = {10}, .length = 8}, .inverted = false},
                    .destination = {},
                    .matches = {},
                    .target = Verdict::drop};
    for (auto& chain : desired.chains)
        if (!chain.rules.empty())
            chain.rules = {drop};
    for (auto& jump : desired.jumps)
        jump.rule.matches.clear();
    return desired;
}

void watch_repairs(const DesiredState& desired, int repairs)
{
    CAPTURE(to_string(desired.family));
    const auto meetings = static_cast<std::size_t>(repairs / repairs_between_meetings);
    KernelWorld world;
    Flush flush;
    Observer observer{desired};
    observer.meet();
    for (int number = 1; number <= repairs; ++number) {
        REQUIRE(repair_all(world.backend(), desired).outcome.kind == Outcome::Kind::committed);
        if (number % repairs_between_meetings == 0)
            observer.meet();
        flush(desired.family);
        if (number % repairs_between_meetings == 0)
            observer.meet();
    }
    const auto& seen = observer.stop();
    CHECK(seen.part == 0);
    CHECK(seen.errors.empty());
    CHECK(seen.whole >= meetings);
    CHECK(seen.none >= meetings);
    CHECK(seen.generations.size() >= 2 * meetings);
    CHECK(world.generation() == 1 + 2 * static_cast<std::uint32_t>(repairs));
}

}  // namespace

TEST_CASE("in a thousand repairs nobody sees a part of one")
{
    for (const auto family : all_families)
        watch_repairs(without_extensions(guarded_in_1_24(family)), 1000);
}

TEST_CASE("nobody sees a part of a repair of all that kubelet makes")
{
    for (const auto family : all_families)
        watch_repairs(guarded_in_1_24(family), 100);
}

TEST_CASE("a repair in two transactions would be seen: the observer can tell")
{
    const auto desired = guarded_in_1_24(Family::ipv4);
    KernelWorld world;
    Observer observer{desired};
    observer.meet();
    const auto assist = make_plan(desired, examine(world.backend(), desired), {.canaries = false});
    REQUIRE(world.backend().commit(assist).kind == Outcome::Kind::committed);
    observer.meet();
    REQUIRE(repair_all(world.backend(), desired).outcome.kind == Outcome::Kind::committed);
    observer.meet();
    const auto& seen = observer.stop();
    CHECK(seen.none > 0);
    CHECK(seen.part > 0);
    CHECK(seen.whole > 0);
    CHECK(seen.generations.size() == 3);
}

}  // namespace chainkeeper::tests
