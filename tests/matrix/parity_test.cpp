// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/contract/world.hpp"
#include "tests/matrix/release.hpp"
#include "tests/matrix/setting.hpp"
#include "tests/support/command.hpp"
#include "tests/support/kubelet.hpp"
#include "tests/support/network_namespace.hpp"
#include "tests/support/ruleset.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <string>
#include <utility>
#include <vector>

// What we write every version of iptables knows, and what any of them wrote we know.
namespace chainkeeper::tests {

using namespace repair;

TEST_CASE("every release has the iptables that it is here for, with both backends")
{
    REQUIRE(releases().size() == 3);
    for (const auto& release : releases())
        for (const auto family : all_families)
            for (const auto& [backend, said] :
                 {std::pair{IptablesBackend::nft, "nf_tables"}, std::pair{IptablesBackend::legacy, "legacy"}}) {
                auto command = release.iptables(backend).command(family);
                const auto program = family == Family::ipv4 ? "iptables" : "ip6tables";
                command.emplace_back("--version");
                CHECK(must_run(command) == fmt::format("{} v{} ({})\n", program, release.version, said));
            }
}

TEST_CASE("after our repair every iptables knows every chain, rule and jump, and kubelet has nothing to do")
{
    for_each_setting([](const Setting& setting) {
        const auto backend = setting.backend.open();
        REQUIRE(repair_all(*backend, setting.desired).outcome.kind == Outcome::Kind::committed);
        for (const auto& release : releases()) {
            CAPTURE(release.version);
            const auto iptables = release.iptables(setting.backend.iptables);
            CHECK(one_a_line(unknown_to_iptables(setting.desired, iptables)) == "");
            CHECK(one_a_line(missed_by_kubelet(setting.minor, setting.desired.family, iptables)) == "");
        }
        CHECK(examine(*backend, setting.desired).healthy());
    });
}

TEST_CASE("no iptables knows what is not there: the case above can fail")
{
    for_each_setting([](const Setting& setting) {
        for (const auto& release : releases()) {
            CAPTURE(release.version);
            const NetworkNamespace empty;
            const auto iptables = release.iptables(setting.backend.iptables);
            const auto wanted = setting.desired.chains.size() + setting.desired.jumps.size();
            CHECK(unknown_to_iptables(setting.desired, iptables).size() >= wanted);
            const auto set = kubelet_set(setting.minor, setting.desired.family);
            CHECK(missed_by_kubelet(setting.minor, setting.desired.family, iptables).size() ==
                  set.chains.size() + set.rules.size());
        }
    });
}

TEST_CASE("what kubelet wrote with any iptables is healthy")
{
    for_each_setting([](const Setting& setting) {
        for (const auto& release : releases()) {
            CAPTURE(release.version);
            const NetworkNamespace network_namespace;
            make_as_kubelet(setting.minor, setting.desired.family, release.iptables(setting.backend.iptables));
            CHECK(examine(*setting.backend.open(), setting.desired).findings.empty());
        }
    });
}

TEST_CASE("after kubelet's own commands and after our repair every iptables-save prints the same")
{
    for_each_setting([](const Setting& setting) {
        const auto family = setting.desired.family;
        REQUIRE(repair_all(*setting.backend.open(), setting.desired).outcome.kind == Outcome::Kind::committed);
        for (const auto& release : releases()) {
            CAPTURE(release.version);
            const auto iptables = release.iptables(setting.backend.iptables);
            const auto by_us = saved(family, iptables);
            const NetworkNamespace another;
            make_as_kubelet(setting.minor, family, iptables);
            CHECK(saved(family, iptables) == by_us);
        }
    });
}

// The rule that drops what is marked reads as one that drops everything. It is why we write the mark in the old words,
// which the others know, too.
TEST_CASE("iptables-nft 1.8.7 overlooks the mark that its successors match")
{
    const auto& oldest = releases().front();
    const auto reading = oldest.iptables(IptablesBackend::nft);
    for (const auto& release : releases()) {
        CAPTURE(release.version);
        const NetworkNamespace network_namespace;
        make_as_kubelet(24, Family::ipv4, release.iptables(IptablesBackend::nft));
        const bool is_oldest = release.version == oldest.version;
        CHECK((check(Family::ipv4, Table::filter, "KUBE-FIREWALL", marked_rule(), reading) == 0) == is_oldest);
        CHECK((saved(Family::ipv4, reading).find(" --mark 0x8000/0x8000 ") != std::string::npos) == is_oldest);
    }
}

}  // namespace chainkeeper::tests
