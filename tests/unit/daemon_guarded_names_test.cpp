// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/guarded_names.hpp"
#include "tests/support/kubelet.hpp"

#include <array>
#include <doctest/doctest.h>

using namespace chainkeeper;
using repair::Family;
using Kind = repair::nft::Change::Kind;

namespace {

const std::array sets{tests::guarded_since_1_27(Family::ipv4), tests::guarded_since_1_27(Family::ipv6)};
const daemon::GuardedNames names{sets};

bool touched(Kind kind, Family family, std::string_view table, std::string_view chain = "")
{
    return names.touched_by({.kind = kind, .family = family, .table = table, .chain = chain});
}

bool lost(Kind kind, std::string_view table, std::string_view chain = "")
{
    return names.is_loss({.kind = kind, .family = Family::ipv4, .table = table, .chain = chain});
}

}  // namespace

TEST_CASE("guarded names: a guarded chain touched in any way is worth a look")
{
    CHECK(touched(Kind::chain_deleted, Family::ipv4, "filter", "KUBE-FIREWALL"));
    CHECK(touched(Kind::rule_deleted, Family::ipv4, "filter", "KUBE-FIREWALL"));
    CHECK(touched(Kind::rule_added, Family::ipv4, "filter", "KUBE-FIREWALL"));
    CHECK(touched(Kind::chain_added, Family::ipv6, "mangle", "KUBE-KUBELET-CANARY"));
    CHECK(touched(Kind::table_deleted, Family::ipv6, "nat"));
}

TEST_CASE("guarded names: of a base chain only what is taken away")
{
    CHECK(touched(Kind::rule_deleted, Family::ipv4, "filter", "INPUT"));
    CHECK(touched(Kind::chain_deleted, Family::ipv4, "filter", "OUTPUT"));
    CHECK_FALSE(touched(Kind::rule_added, Family::ipv4, "filter", "INPUT"));
    CHECK_FALSE(touched(Kind::rule_deleted, Family::ipv4, "filter", "FORWARD"));
}

TEST_CASE("guarded names: a chain that changed its name may have been guarded before")
{
    CHECK(touched(Kind::chain_changed, Family::ipv4, "filter", "FOO"));
    CHECK_FALSE(touched(Kind::chain_changed, Family::ipv4, "raw", "FOO"));
}

TEST_CASE("guarded names: other chains, tables and families are not")
{
    CHECK_FALSE(touched(Kind::chain_deleted, Family::ipv4, "nat", "KUBE-SERVICES"));
    CHECK_FALSE(touched(Kind::chain_deleted, Family::ipv4, "raw", "KUBE-FIREWALL"));
    CHECK_FALSE(touched(Kind::chain_deleted, Family::ipv6, "filter", "KUBE-FIREWALL"));
    CHECK_FALSE(touched(Kind::table_added, Family::ipv4, "filter"));
    CHECK_FALSE(touched(Kind::table_deleted, Family::ipv4, "raw"));
}

TEST_CASE("guarded names: every deletion from a guarded table counts as a loss")
{
    CHECK(lost(Kind::rule_deleted, "nat", "KUBE-SERVICES"));
    CHECK(lost(Kind::chain_deleted, "filter", "DOCKER"));
    CHECK(lost(Kind::table_deleted, "mangle"));
    CHECK_FALSE(lost(Kind::table_deleted, "raw"));
    CHECK_FALSE(lost(Kind::chain_added, "filter", "KUBE-FIREWALL"));
}
