// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/contract/world.hpp"
#include "tests/support/kubelet.hpp"

#include <cerrno>
#include <doctest/doctest.h>
#include <exception>
#include <functional>
#include <linux/capability.h>
#include <stdexcept>
#include <string>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chainkeeper::tests {

using namespace repair;

namespace {

bool drop_net_admin()
{
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3]{};
    if (syscall(SYS_capget, &header, sets) != 0)
        return false;
    auto& set = sets[CAP_TO_INDEX(CAP_NET_ADMIN)];
    const bool had_it = (set.effective & CAP_TO_MASK(CAP_NET_ADMIN)) != 0;
    set.effective &= ~CAP_TO_MASK(CAP_NET_ADMIN);
    set.permitted &= ~CAP_TO_MASK(CAP_NET_ADMIN);
    return had_it && syscall(SYS_capset, &header, sets) == 0;
}

std::string said_by(const std::function<std::string()>& action)
{
    try {
        return drop_net_admin() ? action() : "CAP_NET_ADMIN was not there to be dropped";
    } catch (const std::exception& error) {
        return std::string{"it threw: "} + error.what();
    }
}

// What `action` has to say in a process without CAP_NET_ADMIN.
std::string without_net_admin(const std::function<std::string()>& action)
{
    int ends[2]{};
    if (pipe(ends) != 0)
        throw std::runtime_error{"no pipe"};
    const auto child = fork();
    if (child == 0) {
        const auto said = said_by(action);
        const auto written = write(ends[1], said.data(), said.size());
        _exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
    }
    close(ends[1]);
    std::string said(4096, '\0');
    const auto size = read(ends[0], said.data(), said.size());
    close(ends[0]);
    int status = -1;
    waitpid(child, &status, 0);
    REQUIRE(child > 0);
    REQUIRE(status == 0);
    REQUIRE(size > 0);
    said.resize(static_cast<std::size_t>(size));
    return said;
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
