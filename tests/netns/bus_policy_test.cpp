// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/authorisation.hpp"
#include "tests/netns/await.hpp"
#include "tests/netns/bus_daemon.hpp"
#include "tests/netns/private_bus.hpp"
#include "tests/support/command.hpp"

#include <doctest/doctest.h>
#include <filesystem>

// What the files of systemd/ tell the bus and polkit.
namespace chainkeeper::tests {

using namespace daemon;

namespace {

const std::filesystem::path bus_policy = std::filesystem::path{SYSTEMD_FOLDER} / "org.chainkeeper1.conf";
const std::filesystem::path polkit_policy = std::filesystem::path{SYSTEMD_FOLDER} / "org.chainkeeper1.policy";

CommandResult send_as(const std::string& user, const std::vector<std::string>& arguments)
{
    std::vector<std::string> command{"setpriv", "--reuid=" + user, "--regid=" + user, "--clear-groups",
                                     "--",      "dbus-send",       "--system",        "--print-reply=literal"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run(command);
}

CommandResult call_as(const std::string& user, const std::string& method)
{
    return send_as(user, {"--dest=org.chainkeeper1", "/org/chainkeeper1", method});
}

CommandResult own_as(const std::string& user)
{
    return send_as(user, {"--dest=org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.RequestName",
                          "string:org.chainkeeper1", "uint32:4"});
}

}  // namespace

TEST_CASE("bus policy: root owns the name and anybody asks, whose leave is for polkit to give")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path(), bus_policy};
    BusDaemon server;
    for (const auto* const user : {"0", "65534"}) {
        CHECK(call_as(user, "org.chainkeeper1.Check").status == 0);
        CHECK(call_as(user, "org.freedesktop.DBus.Introspectable.Introspect").status == 0);
        CHECK(call_as(user, "org.freedesktop.DBus.Peer.Ping").status == 0);
    }
    CHECK(must_run({"busctl", "--system", "get-property", "org.chainkeeper1", "/org/chainkeeper1", "org.chainkeeper1",
                    "State"}) == "s \"unknown\"\n");
    const auto refused = call_as("65534", "org.chainkeeper1.Reload");
    CHECK(refused.errors.find("only root may do this") != std::string::npos);
    CHECK(call_as("0", "org.chainkeeper1.Reload").status == 0);
    CHECK(server.troubles().empty());
}

TEST_CASE("bus policy: nobody but root takes the name")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path(), bus_policy};
    CHECK(own_as("65534").errors.find("AccessDenied") != std::string::npos);
    CHECK(own_as("0").status == 0);
}

TEST_CASE("bus policy: where it is not installed, the daemon says what to look for")
{
    const OpenFolder folder;
    write_text(folder.path() / "empty.conf", "<busconfig></busconfig>\n");
    const PrivateBus bus{folder.path(), folder.path() / "empty.conf"};
    BusDaemon server;
    await("the daemon said so", [&] { return !server.troubles().empty(); });
    CHECK(server.troubles().at(0).find("are D-Bus's policy files installed") != std::string::npos);
}

TEST_CASE("polkit policy: is well formed, and has every action, each with a password")
{
    must_run({"xmllint", "--noout", "--nonet", polkit_policy.string()});
    const auto count = [](const std::string& expression) {
        return must_run({"xmllint", "--nonet", "--xpath", "count(" + expression + ")", polkit_policy.string()});
    };
    for (const auto privilege : {Privilege::repair, Privilege::hold, Privilege::reload}) {
        const auto action = std::string{"//action[@id='"} + action_of(privilege) + "']";
        CHECK(count(action) == "1\n");
        CHECK(count(action + "/defaults[allow_any='auth_admin' and allow_inactive='auth_admin' and "
                             "allow_active='auth_admin_keep']") == "1\n");
    }
    CHECK(count("//action") == "3\n");
}

}  // namespace chainkeeper::tests
