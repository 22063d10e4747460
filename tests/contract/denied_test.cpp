// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/contract/world.hpp"
#include "tests/support/kubelet.hpp"
#include "tests/support/without_capability.hpp"

#include <doctest/doctest.h>
#include <functional>
#include <linux/capability.h>
#include <string>

namespace chainkeeper::tests {

using namespace repair;

namespace {

std::string without_net_admin(const std::function<std::string()>& action)
{
    return without_capability(CAP_NET_ADMIN, action);
}

}  // namespace

TEST_CASE("without CAP_NET_ADMIN the backend does not open, and says in one sentence what it needs")
{
    const NetworkNamespace network_namespace;
    const auto said = without_net_admin([] {
        const auto backend = nft::NftBackend::open();
        return backend ? std::string{"it opened"}
                       : (backend.error().code == ErrorCode::denied ? "denied: " : "other: ") + backend.error().what;
    });
    CHECK(said == "denied: reading nf_tables was refused: it needs CAP_NET_ADMIN in this network namespace (run it as "
                  "root)");
}

TEST_CASE("a commit without CAP_NET_ADMIN is denied, not failed, and writes nothing")
{
    KernelWorld world;
    const auto plan = make_plan(guarded_since_1_27(Family::ipv4),
                                examine(world.backend(), guarded_since_1_27(Family::ipv4)), {.canaries = true});
    const auto said = without_net_admin([&] {
        const auto outcome = world.backend().commit(plan);
        return std::string{to_string(outcome.kind)} + ": " + outcome.detail;
    });
    CHECK(said == "denied: the kernel refused to carry out the transaction: Operation not permitted");
    CHECK(world.everything().empty());
    CHECK(world.backend().commit(plan).kind == Outcome::Kind::committed);
}

TEST_CASE("a look without CAP_NET_ADMIN is denied")
{
    KernelWorld world;
    const auto said = without_net_admin([&] {
        const auto snapshot = world.backend().observe(guarded_since_1_27(Family::ipv4));
        return snapshot ? std::string{"it saw"} : std::to_string(static_cast<int>(snapshot.error().code));
    });
    CHECK(said == std::to_string(static_cast<int>(ErrorCode::denied)));
}

}  // namespace chainkeeper::tests
