// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/client.hpp"
#include "tests/netns/bus_daemon.hpp"
#include "tests/netns/private_bus.hpp"
#include "tests/support/network_namespace.hpp"

#include <csignal>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace chainkeeper::tests {

using namespace daemon;
using namespace std::chrono_literals;

namespace {

std::string why_none(Duration patience = 10s)
{
    const auto client = DaemonClient::find(patience);
    REQUIRE_FALSE(client);
    return client.error();
}

}  // namespace

TEST_CASE("client: no bus, and nobody on it, are no daemon")
{
    setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
    CHECK(why_none() == "no daemon can be asked: there is no system bus here (No such file or directory); run "
                        "this on the node itself");
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    CHECK(why_none() == "chainkeeperd does not run here; `systemctl start chainkeeperd` starts it");
}

TEST_CASE("client: a bus that says nothing is not waited for")
{
    const OpenFolder folder;
    const auto path = (folder.path() / "bus").string();
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(listener, 8) == 0);
    setenv("DBUS_SYSTEM_BUS_ADDRESS", ("unix:path=" + path).c_str(), 1);
    const auto start = std::chrono::steady_clock::now();
    CHECK(why_none(200ms).find("timed out") != std::string::npos);
    CHECK(std::chrono::steady_clock::now() - start < 5s);
    unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
    close(listener);
}

TEST_CASE("client: every request comes back")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    BusDaemon server;
    server.on_loop([&] { server.plan = {{"families", nlohmann::json::array()}}; });
    const auto client = DaemonClient::find();
    REQUIRE(client);
    CHECK(client->check()->at("mode").is_null());
    CHECK(client->plan()->at("families").empty());
    CHECK(client->repair(true));
    CHECK(client->repair(false));
    CHECK(client->recheck("x"));
    CHECK(client->hold(90s, "CHG", false)->at("reason") == "CHG");
    CHECK(client->release() == true);
    CHECK(client->reload());
    CHECK(client->history(5) == std::vector<std::string>{"{}"});
    CHECK(server.calls().size() == 9);
}

TEST_CASE("client: the daemon's own sentence is passed on")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    BusDaemon server;
    server.on_loop([&] { server.failure = "chainkeeper.toml: line 3: no such key"; });
    const auto client = DaemonClient::find();
    REQUIRE(client);
    CHECK(client->reload().error() == "chainkeeper.toml: line 3: no such key");
    CHECK(client->hold(0s, "x", false).error() == "a hold lasts from 1 second to 31 days");
}

TEST_CASE("client: a daemon that hangs, or ends, is said to")
{
    const OpenFolder folder;
    PrivateBus bus{folder.path()};
    BusDaemon server;
    const auto client = DaemonClient::find(300ms);
    REQUIRE(client);
    std::promise<void> blocked;
    std::promise<void> freed;
    std::thread blocker{[&] {
        server.on_loop([&] {
            blocked.set_value();
            freed.get_future().wait();
        });
    }};
    blocked.get_future().wait();
    const auto answer = client->check();
    freed.set_value();
    blocker.join();
    REQUIRE_FALSE(answer);
    CHECK(answer.error().find("`journalctl -u chainkeeperd` says what it is doing") != std::string::npos);
    bus.process().stop();
    CHECK_FALSE(client->check());
}

TEST_CASE("client: a daemon of another network namespace, or another directory, is another's")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    const BusDaemon server;
    {
        setenv("RUNTIME_DIRECTORY", "/nonexistent/run", 1);
        CHECK(why_none().find("works in /run/chainkeeper, and this command in /nonexistent/run") != std::string::npos);
        unsetenv("RUNTIME_DIRECTORY");
    }
    CHECK(DaemonClient::find());
    const NetworkNamespace elsewhere;
    CHECK(why_none().find("keeps another network namespace (net:[") != std::string::npos);
}

}  // namespace chainkeeper::tests
