// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/change_window.hpp"
#include "policies/policy_file.hpp"
#include "tests/unit/man_page.hpp"
#include "tests/unit/source_tree.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>

// policies/examples: what each says in its comments is what the loader makes of it, and no more.

using namespace chainkeeper;
using namespace chainkeeper::policies;
using namespace chainkeeper::tests;
using namespace std::chrono_literals;

namespace {

const std::string folder = "policies/examples";

SourcedPolicy example(const std::string& name)
{
    const auto policy = parse_sourced_policy(source_text(fmt::format("{}/{}", folder, name)), name);
    REQUIRE_MESSAGE(policy.has_value(), policy.error().what);
    return *policy;
}

std::vector<std::string> example_names()
{
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator{source_tree / folder})
        names.push_back(entry.path().filename());
    return sorted(std::move(names));
}

std::vector<std::string> keys_of(const SourcedPolicy& policy)
{
    std::vector<std::string> keys;
    for (const auto& written : policy.written)
        keys.push_back(fmt::format("{}.{}", written.section, written.key));
    return sorted(std::move(keys));
}

}  // namespace

TEST_CASE("every example is a policy, is installed, and says where to put it")
{
    const auto names = example_names();
    CHECK(names.size() == 3);
    const auto installed = matches(source_text("policies/meson.build"), std::regex{"'examples/([^']+)'"});
    CHECK(names == installed);
    for (const auto& name : names) {
        CHECK(example(name).policy != Policy{});
        const auto place = fmt::format("/etc/chainkeeper/chainkeeper.toml.d/{}", name);
        CHECK(source_text(fmt::format("{}/{}", folder, name)).find(place) != std::string::npos);
    }
}

TEST_CASE("observe.toml is a dry run, and nothing else")
{
    Policy dry_run;
    dry_run.repair.mode = Mode::dry_run;
    CHECK(example("observe.toml").policy == dry_run);
}

TEST_CASE("change-window.toml is open when it says so, by the clock there")
{
    const auto policy = example("change-window.toml").policy;
    REQUIRE(policy.change_windows.size() == 2);
    const auto open = [&](std::chrono::sys_seconds at) { return open_until(policy.change_windows, at).has_value(); };
    using std::chrono::sys_days;
    // In January Berlin is an hour ahead of UTC; the 9th of January 2026 is a Friday.
    constexpr sys_days friday{std::chrono::January / 9 / 2026};
    CHECK_FALSE(open(friday + 20h + 59min));
    CHECK(open(friday + 21h));
    CHECK(open(friday + 24h + 4h + 59min));
    CHECK_FALSE(open(friday + 24h + 5h));
    CHECK(open(friday + 24h + 21h));
    CHECK_FALSE(open(friday + 48h + 21h));
    CHECK(open(friday - 48h + 11h));
    CHECK_FALSE(open(friday - 48h + 12h));
    // In July it is two.
    constexpr sys_days friday_in_july{std::chrono::July / 10 / 2026};
    CHECK(open(friday_in_july + 20h));
    CHECK_FALSE(open(friday_in_july + 19h + 59min));
}

TEST_CASE("azure.toml knows the backend, kubelet's unit and what disrupts, and leaves the rest as it is")
{
    const auto sourced = example("azure.toml");
    CHECK(keys_of(sourced) == std::vector<std::string>{"guard.backend", "kubelet.units", "repair.disruptors"});
    CHECK(sourced.policy.guard.backend == BackendChoice::nft);
    CHECK(sourced.policy.kubelet.units == std::vector<std::string>{"kubelet"});
    CHECK(std::ranges::find(sourced.policy.repair.disruptors, "iptables") != sourced.policy.repair.disruptors.end());
}
