// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/bus_match.hpp"
#include "daemon/bus/repeated_call.hpp"
#include "daemon/bus/system_bus.hpp"
#include "daemon/file_descriptor.hpp"
#include "tests/unit/private_bus.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

using namespace chainkeeper;
using daemon::Backoff;
using daemon::system_bus_address;
using daemon::SystemBus;
using tests::run_for;
using tests::run_until;
using namespace std::chrono_literals;

namespace {

constexpr Backoff::Waits soon{.first = 5ms, .longest = 20ms};

// A connection, and what it tells its subscribers.
struct Connection {
    explicit Connection(std::optional<std::string> address, daemon::Duration timeout = 30s)
        : bus{*SystemBus::start(loop, clock, {.address = std::move(address), .timeout = timeout, .waits = soon})}
    {
        for (auto* const told : {&first, &second})
            bus->subscribe({.connected = [told](sd_bus& /*bus*/) { ++told->connected; },
                            .disconnected = [told](const std::string& reason) { told->reasons.push_back(reason); }});
    }

    struct Told {
        int connected = 0;
        std::vector<std::string> reasons;
    };

    daemon::EventLoop loop = *daemon::EventLoop::create();
    daemon::SystemClock clock;
    Told first;
    Told second;
    std::unique_ptr<SystemBus> bus;
};

// A socket on which somebody listens who never says a word.
class MuteListener {
public:
    MuteListener() : socket_{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)}
    {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path().copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(bind(socket_.number(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(listen(socket_.number(), 16) == 0);
    }
    [[nodiscard]] std::string path() const { return (directory_.path() / "bus").string(); }

private:
    tests::TemporaryDirectory directory_;
    daemon::FileDescriptor socket_;
};

}  // namespace

TEST_CASE("bus: its address is the one that is named, else the usual one where systemd runs")
{
    CHECK(system_bus_address(true, nullptr) == "unix:path=/run/dbus/system_bus_socket");
    CHECK(system_bus_address(true, "") == "unix:path=/run/dbus/system_bus_socket");
    CHECK(system_bus_address(true, "unix:path=/x") == "unix:path=/x");
    CHECK(system_bus_address(false, "unix:path=/x") == "unix:path=/x");
    CHECK_FALSE(system_bus_address(false, nullptr));
    CHECK_FALSE(system_bus_address(false, ""));
}

TEST_CASE("bus: waits grow from failure to failure, and begin anew after what lasted")
{
    Backoff backoff{{.first = 250ms, .longest = 1s}};
    CHECK(backoff.next(0s) == 250ms);
    CHECK(backoff.next(0s) == 500ms);
    CHECK(backoff.next(400ms) == 1s);
    CHECK(backoff.next(0s) == 1s);
    CHECK(backoff.next(1s) == 1s);
    CHECK(backoff.next(2s) == 250ms);
    CHECK(backoff.next(0s) == 500ms);
}

TEST_CASE("bus: where there is none nothing is tried")
{
    Connection connection{std::nullopt};
    CHECK_FALSE(connection.bus->available());
    run_for(connection.loop, 50ms);
    CHECK(connection.first.connected == 0);
    CHECK(connection.first.reasons.empty());
}

TEST_CASE("bus: every subscriber hears of the connection")
{
    tests::PrivateBus private_bus;
    private_bus.start();
    Connection connection{private_bus.address()};
    CHECK(connection.bus->available());
    CHECK(connection.first.connected == 0);  // from the loop alone
    run_until(connection.loop, "it is connected", [&] { return connection.second.connected == 1; });
    CHECK(connection.first.connected == 1);
    CHECK(connection.first.reasons.empty());
}

TEST_CASE("bus: one that is not there yet is missed once, and found when it comes")
{
    tests::PrivateBus private_bus;
    Connection connection{private_bus.address()};
    run_until(connection.loop, "it is missed", [&] { return !connection.second.reasons.empty(); });
    run_for(connection.loop, 100ms);
    CHECK(connection.first.reasons ==
          std::vector<std::string>{"connecting to the system bus failed: No such file or directory"});
    CHECK(connection.second.reasons.size() == 1);
    private_bus.start();
    run_until(connection.loop, "it is connected", [&] { return connection.second.connected == 1; });
    CHECK(connection.first.reasons.size() == 1);
}

TEST_CASE("bus: one that goes away is missed once each time, and found again")
{
    tests::PrivateBus private_bus;
    private_bus.start();
    Connection connection{private_bus.address()};
    for (int round = 1; round <= 3; ++round) {
        run_until(connection.loop, "it is connected", [&] { return connection.first.connected == round; });
        private_bus.kill();
        run_until(connection.loop, "it is missed", [&] { return !connection.second.reasons.empty(); });
        run_for(connection.loop, 50ms);
        CHECK(connection.first.reasons == std::vector<std::string>{"the connection to the system bus was closed"});
        CHECK(connection.second.reasons.size() == 1);
        connection.first.reasons.clear();
        connection.second.reasons.clear();
        private_bus.start();
    }
}

TEST_CASE("bus: one that does not say welcome is as good as none")
{
    const MuteListener listener;
    Connection connection{fmt::format("unix:path={}", listener.path()), 20ms};
    run_until(connection.loop, "it is given up", [&] { return !connection.second.reasons.empty(); });
    run_for(connection.loop, 100ms);
    CHECK(connection.first.reasons == std::vector<std::string>{"the system bus did not answer in time"});
    CHECK(connection.first.connected == 0);
}

TEST_CASE("bus: an address that is none is reported like a bus that is not there")
{
    Connection connection{"what is this"};
    run_until(connection.loop, "it is given up", [&] { return !connection.second.reasons.empty(); });
    CHECK(connection.first.reasons ==
          std::vector<std::string>{"connecting to the system bus failed: Connection refused"});
}

TEST_CASE("bus: a rule that the bus does not take is an error for its owner, and leaves the connection alone")
{
    tests::PrivateBus private_bus;
    private_bus.start();
    Connection connection{private_bus.address()};
    std::vector<std::string> errors;
    daemon::BusMatch match{[&](const auto& signal) { errors.push_back(signal ? "a signal" : signal.error().what); }};
    connection.bus->subscribe({.connected =
                                   [&](sd_bus& bus) {
                                       // sd-bus takes this rule, the bus does not: a name has no space.
                                       CHECK(match.install(bus, "type='signal',sender='no name'"));
                                   },
                               .disconnected = [&](const std::string& /*reason*/) { match.cancel(); }});
    run_until(connection.loop, "the bus has refused", [&] { return !errors.empty(); });
    CHECK(errors.front().starts_with("asking the bus for signals failed: "));
    run_for(connection.loop, 20ms);
    CHECK(connection.first.reasons.empty());
}

TEST_CASE("bus: a call that is asked for often is made twice")
{
    tests::PrivateBus private_bus;
    private_bus.start();
    Connection connection{private_bus.address()};
    int answers = 0;
    daemon::RepeatedCall call{{.destination = "org.freedesktop.DBus",
                               .path = "/",
                               .interface = "org.freedesktop.DBus",
                               .member = "NameHasOwner",
                               .argument = "org.freedesktop.DBus"},
                              30s,
                              [&](const auto& reply) { answers += reply ? 1 : 1000; }};
    connection.bus->subscribe({.connected =
                                   [&](sd_bus& bus) {
                                       for (int time = 0; time < 100; ++time)
                                           CHECK(call.ask(bus));
                                   },
                               .disconnected = [&](const std::string& /*reason*/) { call.cancel(); }});
    run_until(connection.loop, "both are answered", [&] { return answers >= 2; });
    run_for(connection.loop, 20ms);
    CHECK(answers == 2);
}
