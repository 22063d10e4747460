// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/node_policy.hpp"
#include "tests/unit/doctor_root.hpp"

#include <doctest/doctest.h>

// Where doctor has its thresholds from.

using namespace chainkeeper::daemon::doctor;
using chainkeeper::policies::Policy;
using chainkeeper::tests::DoctorRoot;

namespace {

const std::string main_file = "etc/chainkeeper/chainkeeper.toml";

Thresholds of(const DoctorRoot& node)
{
    return thresholds_of(node.open(), std::nullopt);
}

// Refused, with this in the reason, and the defaults count.
void check_refused(const Thresholds& thresholds, std::string_view reason)
{
    CHECK(thresholds.values == Policy::Doctor{});
    CHECK_MESSAGE(thresholds.error.find(reason) != std::string::npos, thresholds.error);
    CHECK(thresholds.error.ends_with("; the thresholds are the default ones"));
}

}  // namespace

TEST_CASE("doctor: thresholds are those of the root that is looked at, a drop-in wins")
{
    const DoctorRoot node;
    CHECK(of(node).values == Policy::Doctor{});
    CHECK(of(node).error.empty());
    node.write(main_file + ".d/50.toml", "[doctor]\nrule_limit = 7\n");
    CHECK(of(node).values == Policy::Doctor{});  // as for the daemon: without the file nothing beside it is read
    node.write(main_file, "[doctor]\nrule_limit = 5\nconntrack_percent = 10\n");
    node.write(main_file + ".d/.hidden.toml", "[doctor]\nrule_limit = 8\n");
    node.write(main_file + ".d/60.txt", "[doctor]\nrule_limit = 9\n");
    CHECK(of(node).values == Policy::Doctor{.conntrack_percent = 10, .rule_limit = 7});
    CHECK(of(node).disruptors == Policy{}.repair.disruptors);
    node.write(main_file + ".d/70.toml", "[repair]\ndisruptors = [\"harden.service\"]\n");
    CHECK(of(node).disruptors == std::vector<std::string>{"harden"});
    CHECK(of(node).error.empty());
    node.write(main_file + ".d/70.toml", "[doctor]\nrequired_modules = [\"ip-vs\"]\n");
    CHECK(of(node).values.required_modules == std::vector<std::string>{"ip_vs"});
}

TEST_CASE("doctor: a policy that is refused is told of, and the defaults count")
{
    const DoctorRoot node;
    node.write(main_file, "[doctor]\nrule_limit = 5\nrule_limits = 5\n");
    check_refused(of(node), "/etc/chainkeeper/chainkeeper.toml:3:1: unknown key 'rule_limits'");
    node.write(main_file, "[doctor]\nrule_limit = 5\n");
    CHECK(of(node).values.rule_limit == 5);
    node.write(main_file + ".d/50.toml", "[doctor");
    check_refused(of(node), "/etc/chainkeeper/chainkeeper.toml.d/50.toml:1:");
    node.remove(main_file + ".d/50.toml");
    node.link(main_file + ".d/51.toml", node.outside("[doctor]\nrule_limit = 6\n"));
    // The link leads to a place that is not in the root.
    check_refused(of(node), "51.toml");
    node.remove(main_file + ".d/51.toml");
    // However many files there are: what is read of them is bounded.
    for (const auto* const name : {"/51.toml", "/52.toml"})
        node.write(main_file + ".d" + name, std::string(600'000, '\n'));
    check_refused(of(node), "/52.toml: with it the policy is larger than 1024 KiB");
    node.remove(main_file + ".d");
    CHECK(of(node).error.empty());
    node.remove(main_file);
    std::filesystem::create_directories(node.path() / main_file);
    check_refused(of(node), "not a regular file");
}

TEST_CASE("doctor: a policy file that is named counts in place of the root's")
{
    const DoctorRoot node;
    node.write(main_file, "[doctor]\nrule_limit = 5\n");
    const auto file = node.outside("[doctor]\nsync_age = \"5m\"\n");
    CHECK(thresholds_of(node.open(), file).values == Policy::Doctor{.sync_age = std::chrono::minutes{5}});
    check_refused(thresholds_of(node.open(), "/nonexistent.toml"), "/nonexistent.toml");
}
