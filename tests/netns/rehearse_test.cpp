// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/await.hpp"
#include "tests/netns/daemon_process.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/process.hpp"
#include "tests/netns/stand_in.hpp"
#include "tests/support/command.hpp"
#include "tests/support/ruleset.hpp"

#include <csignal>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>

// `chainkeeper rehearse` leaves the ruleset around it alone, whoever runs it and however it ends.
namespace chainkeeper::tests {

using repair::Family;

namespace {

// A namespace with a ruleset, and what it looked like.
class Host {
public:
    Host()
    {
        make_once(node_);
        run_all(Family::ipv4, {{"-A", "INPUT", "-s", "192.0.2.1", "-j", "DROP"}});
        generation_ = generation();
        ruleset_ = nft_ruleset();
    }

    [[nodiscard]] const Node& node() const { return node_; }
    void check_untouched() const
    {
        CHECK(generation() == generation_);
        CHECK(nft_ruleset() == ruleset_);
    }

    // No pause between two commands of a busy machine is taken for the end of a burst.
    [[nodiscard]] Process::Start rehearsal(std::vector<std::string> arguments, PolicyText policy = {},
                                           const std::vector<std::string>& options = {}) const
    {
        policy.settle = "2s";
        arguments.insert(arguments.end(), {"rehearse", "--policy", write_policy(node_, policy).string()});
        arguments.insert(arguments.end(), options.begin(), options.end());
        return {.arguments = std::move(arguments),
                .environment = {},
                .output = node_.folder() / "rehearsal.log",
                .errors = node_.folder() / "rehearsal-errors.log"};
    }
    [[nodiscard]] std::string output() const { return text_of(node_.folder() / "rehearsal.log"); }

private:
    Node node_;
    std::uint32_t generation_ = 0;
    std::string ruleset_;
};

}  // namespace

TEST_CASE("a rehearsal heals every scenario, and the ruleset around it stays as it is")
{
    const Host host;
    Process rehearsal{host.rehearsal({CHAINKEEPER})};
    CHECK(rehearsal.await_end() == 0);
    CHECK(host.output().find("5 of 5 scenarios healed\n") != std::string::npos);
    CHECK_FALSE(rehearsal.has_left_something());
    host.check_untouched();
}

TEST_CASE("a rehearsal writes as the policy says: with the machine's own iptables-restore it heals as well")
{
    const Host host;
    Process rehearsal{host.rehearsal({CHAINKEEPER}, {.transport = "iptables-restore"})};
    CHECK(rehearsal.await_end() == 0);
    CHECK(host.output().find("5 of 5 scenarios healed\n") != std::string::npos);
    host.check_untouched();
}

TEST_CASE("a rehearsal with both iptables heals every scenario of each, and the lock around it is not taken")
{
    const Host host;
    const bool had_lock = std::filesystem::exists("/run/xtables.lock");
    Process rehearsal{host.rehearsal({CHAINKEEPER}, {}, {"--backend", "both"})};
    CHECK(rehearsal.await_end() == 0);
    CHECK(host.output().find("9 of 9 scenarios healed\n") != std::string::npos);
    CHECK(host.output().find("-- iptables-legacy\n") != std::string::npos);
    CHECK(std::filesystem::exists("/run/xtables.lock") == had_lock);
    host.check_untouched();
    CHECK(must_run({"cat", "/proc/thread-self/net/ip_tables_names"}).empty());
}

TEST_CASE("a rehearsal that is interrupted is gone, with all its processes, and has touched nothing")
{
    const Host host;
    Process rehearsal{host.rehearsal({CHAINKEEPER})};
    await("the first scenario was over", [&] {
        REQUIRE_FALSE(rehearsal.exit_code());
        return host.output().find("healed\n") != std::string::npos;
    });
    rehearsal.send(SIGINT);
    CHECK(rehearsal.await_end() == 128 + SIGINT);
    await("its processes were gone", [&] { return !rehearsal.has_left_something(); });
    CHECK(host.output().find("scenarios healed") == std::string::npos);
    host.check_untouched();
}

TEST_CASE("a plain user can rehearse, and have it as JSON")
{
    const Host host;
    const auto program = host.node().folder() / "chainkeeper";
    std::filesystem::copy_file(CHAINKEEPER, program);
    auto start = host.rehearsal(
        {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "--chdir=/", program.string()});
    start.arguments.emplace_back("--json");
    Process rehearsal{start};
    CHECK(rehearsal.await_end() == 0);
    const auto json = nlohmann::json::parse(host.output());
    CHECK(json.at("healed") == true);
    REQUIRE(json.at("scenarios").size() == 5);
    for (const auto& scenario : json.at("scenarios")) {
        CAPTURE(scenario.at("scenario").get<std::string>());
        CHECK(scenario.at("healed") == true);
        CHECK(scenario.at("failures").empty());
        CHECK_FALSE(scenario.at("timeline").empty());
    }
    host.check_untouched();
}

}  // namespace chainkeeper::tests
