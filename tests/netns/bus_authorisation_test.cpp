// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/await.hpp"
#include "tests/netns/bus_daemon.hpp"
#include "tests/netns/private_bus.hpp"
#include "tests/support/command.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

// Who may do what: the callers are of user nobody, but where it says otherwise.
namespace chainkeeper::tests {

using namespace daemon;
using namespace std::chrono_literals;

namespace {

struct Call {
    std::string method;
    std::vector<std::string> arguments;
    std::string action;
};

const std::vector<Call>& changing_calls()
{
    static const std::vector<Call> calls{
        {.method = "Repair", .arguments = {"boolean:false"}, .action = "org.chainkeeper1.repair"},
        {.method = "Recheck", .arguments = {"string:x"}, .action = "org.chainkeeper1.repair"},
        {.method = "Hold", .arguments = {"uint64:60", "string:x", "boolean:false"}, .action = "org.chainkeeper1.hold"},
        {.method = "Release", .arguments = {}, .action = "org.chainkeeper1.hold"},
        {.method = "Reload", .arguments = {}, .action = "org.chainkeeper1.reload"},
    };
    return calls;
}

std::vector<std::string> as_nobody(const std::vector<std::string>& command)
{
    std::vector<std::string> all{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"};
    all.insert(all.end(), command.begin(), command.end());
    return all;
}

std::vector<std::string> sending(const Call& call)
{
    std::vector<std::string> command{"dbus-send",
                                     "--system",
                                     "--print-reply=literal",
                                     "--dest=org.chainkeeper1",
                                     "/org/chainkeeper1",
                                     "org.chainkeeper1." + call.method};
    command.insert(command.end(), call.arguments.begin(), call.arguments.end());
    return command;
}

CommandResult send_as_nobody(const Call& call)
{
    return run(as_nobody(sending(call)));
}

void check_all_refused(const std::string& sentence)
{
    for (const auto& call : changing_calls()) {
        const auto result = send_as_nobody(call);
        CAPTURE(call.method);
        CAPTURE(result.errors);
        CHECK(result.status != 0);
        CHECK(result.errors.find(sentence) != std::string::npos);
        CHECK(result.errors.find(call.action) != std::string::npos);
    }
}

}  // namespace

TEST_CASE("bus: anybody reads, without polkit being asked")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    BusDaemon server{PolkitSays::no};
    for (const auto& call :
         {Call{.method = "Check"}, Call{.method = "Plan"}, Call{.method = "History", .arguments = {"uint32:5"}},
          Call{.method = "Repair", .arguments = {"boolean:true"}}})
        CHECK(send_as_nobody(call).status == 0);
    must_run(as_nobody(
        {"busctl", "--system", "get-property", "org.chainkeeper1", "/org/chainkeeper1", "org.chainkeeper1", "State"}));
    CHECK(server.calls().size() == 4);
    CHECK(server.questions().empty());
}

TEST_CASE("bus: without polkit only root changes anything")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    BusDaemon server;
    check_all_refused("Error org.freedesktop.DBus.Error.AccessDenied: only root may do this");
    CHECK(server.calls().empty());
    for (const auto& call : changing_calls())
        CHECK(run(sending(call)).status == 0);
    CHECK(server.calls().size() == 5);
}

TEST_CASE("bus: whom polkit allows may, by the bus's name of the connection and the action of the method")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    BusDaemon server{PolkitSays::yes};
    for (const auto& call : changing_calls())
        CHECK(send_as_nobody(call).status == 0);
    CHECK(server.calls().at(2).starts_with("hold 60 x false uid=65534 login=nobody"));
    const auto questions = server.questions();
    REQUIRE(questions.size() == 5);
    for (std::size_t index = 0; index < questions.size(); ++index) {
        CHECK(questions[index].starts_with(changing_calls()[index].action + " system-bus-name name=:1."));
        CHECK(questions[index].ends_with("flags=0"));
    }
}

TEST_CASE("bus: root is not a question for polkit")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    BusDaemon server{PolkitSays::no};
    for (const auto& call : changing_calls())
        CHECK(run(sending(call)).status == 0);
    CHECK(server.questions().empty());
}

TEST_CASE("bus: whom polkit does not allow may not, and what makes no sense allows nothing")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    struct Case {
        PolkitSays says;
        std::string sentence;
    };
    for (const auto& [says, sentence] :
         {Case{PolkitSays::no, "AccessDenied: polkit does not allow it"},
          Case{PolkitSays::password_needed, "InteractiveAuthorizationRequired: polkit asks for a password"},
          Case{PolkitSays::garbage, "AccessDenied: polkit's answer makes no sense"},
          Case{PolkitSays::error, "AccessDenied: polkit could not be asked: out of order"}}) {
        BusDaemon server{says};
        check_all_refused(sentence);
        CHECK(server.calls().empty());
    }
}

TEST_CASE("bus: polkit may ask for a password only where the caller says so")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    BusDaemon server{PolkitSays::yes};
    for (const auto* const allowed : {"no", "yes"})
        must_run(as_nobody({"busctl", "--system", fmt::format("--allow-interactive-authorization={}", allowed), "call",
                            "org.chainkeeper1", "/org/chainkeeper1", "org.chainkeeper1", "Release"}));
    CHECK(server.questions().at(0).ends_with("flags=0"));
    CHECK(server.questions().at(1).ends_with("flags=1"));
}

TEST_CASE("bus: a polkit that never answers is given up, and holds nobody else up")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    BusDaemon server{PolkitSays::nothing, {.answer = 300ms}};
    const auto start = std::chrono::steady_clock::now();
    check_all_refused("AccessDenied: polkit has not answered in time");
    CHECK(std::chrono::steady_clock::now() - start >= 1500ms);
    CHECK(server.calls().empty());
    CHECK(send_as_nobody({.method = "Check"}).status == 0);
}

TEST_CASE("bus: questions are few, of one user fewer, and root waits behind none")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    BusDaemon server{PolkitSays::nothing, {.questions = 3, .of_a_user = 2, .answer = 1h}};
    // Users that every machine has: the bus turns away who is in no passwd file.
    const auto waiting = [&](const std::string& user) {
        return std::make_unique<Process>(
            Process::Start{.arguments = {"setpriv", "--reuid=" + user, "--regid=65534", "--clear-groups", "--",
                                         "dbus-send", "--system", "--print-reply=literal", "--reply-timeout=60000",
                                         "--dest=org.chainkeeper1", "/org/chainkeeper1", "org.chainkeeper1.Release"},
                           .environment = {},
                           .output = {},
                           .errors = {}});
    };
    std::vector<std::unique_ptr<Process>> callers;
    for (std::size_t count = 1; count <= 2; ++count) {
        callers.push_back(waiting("65534"));
        await("polkit was asked", [&] { return server.questions().size() == count; });
    }
    auto refused = send_as_nobody({.method = "Release"});
    CHECK(refused.errors.starts_with("Error org.chainkeeper1.Error.Refused: too many callers wait"));
    callers.push_back(waiting("1"));
    await("polkit was asked", [&] { return server.questions().size() == 3; });
    auto other = waiting("2");
    CHECK(other->await_end() != 0);
    CHECK(server.questions().size() == 3);
    CHECK(run(sending({.method = "Release"})).status == 0);
    CHECK(server.calls().size() == 1);
}

TEST_CASE("bus: a daemon that leaves the bus forgets who waits")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    std::unique_ptr<Process> caller;
    {
        BusDaemon server{PolkitSays::nothing, {.answer = 1h}};
        caller = std::make_unique<Process>(Process::Start{
            .arguments = as_nobody({"dbus-send", "--system", "--print-reply=literal", "--dest=org.chainkeeper1",
                                    "/org/chainkeeper1", "org.chainkeeper1.Release"}),
            .environment = {},
            .output = {},
            .errors = {}});
        await("polkit was asked", [&] { return server.questions().size() == 1; });
        server.on_loop([&] { server.object().detach(); });
        CHECK(server.calls().empty());
    }
    CHECK(caller->await_end() != 0);
}

}  // namespace chainkeeper::tests
