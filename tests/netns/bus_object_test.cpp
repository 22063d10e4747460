// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/bus_reports.hpp"
#include "daemon/api/client.hpp"
#include "tests/netns/await.hpp"
#include "tests/netns/bus_daemon.hpp"
#include "tests/netns/private_bus.hpp"
#include "tests/support/command.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <systemd/sd-bus.h>

// What the daemon shows and does on a real bus.
namespace chainkeeper::tests {

using namespace daemon;
using namespace std::chrono_literals;

namespace {

// Arguments as dbus-send writes them: "uint64:7", "string:x". What it prints, errors and their names as well.
CommandResult send(const std::string& method, const std::vector<std::string>& arguments = {})
{
    std::vector<std::string> command{"dbus-send",
                                     "--system",
                                     "--print-reply=literal",
                                     "--dest=org.chainkeeper1",
                                     "/org/chainkeeper1",
                                     "org.chainkeeper1." + method};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run(command);
}

void check_error(const CommandResult& result, const std::string& error)
{
    CHECK(result.status != 0);
    CAPTURE(result.errors);
    CHECK(result.errors.starts_with("Error " + error));
}

std::string property(const std::string& name)
{
    return must_run(
        {"busctl", "--system", "get-property", "org.chainkeeper1", "/org/chainkeeper1", "org.chainkeeper1", name});
}

// A connection that gathers the daemon's signals: "Decided ipv4 healthy".
class Listener {
public:
    Listener()
    {
        sd_bus* opened = nullptr;
        REQUIRE(sd_bus_open_system(&opened) >= 0);
        bus_.reset(opened);
        REQUIRE(sd_bus_match_signal(opened, nullptr, nullptr, "/org/chainkeeper1", nullptr, nullptr, hear, this) >= 0);
    }

    std::vector<std::string> await(std::size_t count)
    {
        tests::await(fmt::format("{} signals came", count), [&] {
            while (sd_bus_process(bus_.get(), nullptr) > 0)
                ;
            return heard_.size() >= count;
        });
        return heard_;
    }

private:
    static int hear(sd_bus_message* signal, void* self, sd_bus_error* /*error*/)
    {
        std::string text = sd_bus_message_get_member(signal);
        std::string types = sd_bus_message_get_signature(signal, 1);
        if (types == "sa{sv}as")
            text += changed(signal);
        else
            for (const char type : types)
                text += " " + argument(signal, type);
        static_cast<Listener*>(self)->heard_.push_back(text);
        return 0;
    }

    static std::string argument(sd_bus_message* signal, char type)
    {
        if (type == 's') {
            const char* value = nullptr;
            sd_bus_message_read(signal, "s", &value);
            return value;
        }
        std::uint32_t value = 0;
        sd_bus_message_read_basic(signal, type, &value);
        return std::to_string(value);
    }

    static std::string changed(sd_bus_message* signal)
    {
        std::string names;
        const char* name = nullptr;
        sd_bus_message_skip(signal, "s");
        sd_bus_message_enter_container(signal, 'a', "{sv}");
        while (sd_bus_message_enter_container(signal, 'e', "sv") > 0) {
            sd_bus_message_read(signal, "s", &name);
            names += fmt::format(" {}", name);
            sd_bus_message_skip(signal, "v");
            sd_bus_message_exit_container(signal);
        }
        return names;
    }

    BusConnection bus_;
    std::vector<std::string> heard_;
};

Status healthy_status()
{
    Status status;
    status.families.push_back({.diagnosis = {.family = repair::Family::ipv4}, .monitor = policies::Monitor::alive});
    status.mode = "repair";
    status.backend = "nft";
    return status;
}

}  // namespace

TEST_CASE("bus: the interface can be introspected, with the names of its arguments")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    const BusDaemon server;
    const auto xml =
        must_run({"busctl", "--system", "--xml-interface", "introspect", "org.chainkeeper1", "/org/chainkeeper1"});
    for (const auto* const part :
         {R"(<method name="Check">)", R"(<method name="Plan">)", R"(<method name="Release">)",
          R"(<method name="Reload">)", R"(<method name="History">)", R"(<arg type="t" name="seconds" direction="in"/>)",
          R"(<arg type="b" name="was_held" direction="out"/>)", R"(<signal name="Flushed">)",
          R"(<signal name="Repaired">)", R"xml(<property name="LastRepair" type="(tss)" access="read">)xml",
          R"(<property name="KubeletMonitor" type="a{ss}" access="read">)"})
        CHECK_MESSAGE(xml.find(part) != std::string::npos, part);
    const auto text = must_run({"busctl", "--system", "introspect", "org.chainkeeper1", "/org/chainkeeper1"});
    CHECK(text.find("org.chainkeeper1") != std::string::npos);
    CHECK(text.find("emits-change") != std::string::npos);
}

TEST_CASE("bus: root calls every method")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    BusDaemon server;
    server.on_loop([&] { server.plan = {{"families", nlohmann::json::array()}}; });
    CHECK(send("Check").output.find(R"("healthy":null)") != std::string::npos);
    CHECK(send("Plan").output.find(R"({"families":[]})") != std::string::npos);
    CHECK(send("Repair", {"boolean:true"}).status == 0);
    CHECK(send("Repair", {"boolean:false"}).output.find(R"({"families":[]})") != std::string::npos);
    CHECK(send("Recheck", {"string:because"}).status == 0);
    CHECK(send("Recheck", {"string:"}).status == 0);
    const auto hold = send("Hold", {"uint64:7200", "string:CHG-1234", "boolean:true"});
    CHECK(hold.status == 0);
    CHECK(hold.output.find(R"("reason":"CHG-1234")") != std::string::npos);
    CHECK(hold.output.find(R"("stop":true,"uid":0})") == std::string::npos);
    CHECK(send("Release").output.find("boolean true") != std::string::npos);
    CHECK(send("Reload").status == 0);
    CHECK(send("History", {"uint32:3"}).status == 0);
    const auto calls = server.calls();
    REQUIRE(calls.size() == 10);
    CHECK(calls[2] == "repair true");
    CHECK(calls[3] == "repair false");
    CHECK(calls[4] == "recheck because");
    CHECK(calls[5].ends_with(" asked for it"));
    CHECK(calls[6].starts_with("hold 7200 CHG-1234 true uid=0 login="));
    CHECK(calls[7].starts_with("release "));
    CHECK(calls[9] == "history 3");
    CHECK(server.troubles().empty());
}

TEST_CASE("bus: what a caller sends is looked at before it is used")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    BusDaemon server;
    const std::string invalid = "org.chainkeeper1.Error.Invalid";
    for (const auto* const seconds : {"0", "2678401", "18446744073709551615"})
        check_error(send("Hold", {fmt::format("uint64:{}", seconds), "string:x", "boolean:false"}), invalid);
    for (const auto& reason :
         {std::string{}, std::string(257, 'x'), std::string{"two\nlines"}, std::string{"\x1b[31m"}}) {
        check_error(send("Hold", {"uint64:60", "string:" + reason, "boolean:false"}), invalid);
        if (!reason.empty())
            check_error(send("Recheck", {"string:" + reason}), invalid);
    }
    check_error(send("History", {"uint32:0"}), invalid);
    check_error(send("History", {"uint32:10001"}), invalid);
    check_error(send("Hold", {"int64:60", "string:x", "boolean:false"}), "org.freedesktop.DBus.Error.InvalidArgs");
    check_error(send("Repair"), "org.freedesktop.DBus.Error.InvalidArgs");
    check_error(send("NoSuchMethod"), "org.freedesktop.DBus.Error.UnknownMethod");
    CHECK(server.calls().empty());
    CHECK(send("Hold", {"uint64:2678400", "string:" + std::string(256, 'x'), "boolean:false"}).status == 0);
    CHECK(server.calls().size() == 1);
}

TEST_CASE("bus: what goes wrong behind the bus comes back in a sentence")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    BusDaemon server;
    server.on_loop([&] { server.failure = "line 3: unknown key \x1b[31m"; });
    for (const auto& result : {send("Reload"), send("Release"), send("History", {"uint32:1"}),
                               send("Hold", {"uint64:1", "string:x", "boolean:false"})})
        check_error(result, "org.chainkeeper1.Error.Failed: line 3: unknown key ?[31m");
}

TEST_CASE("bus: an answer that no message could hold is an error, and the connection stays")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    BusDaemon server;
    server.on_loop([&] {
        server.plan = std::string(std::size_t{40} << 20U, 'x');
        server.history.assign(100, std::string(std::size_t{1} << 20U, 'x'));
        server.history.emplace_back("torn \xff\xfe\n");
    });
    check_error(send("Plan"), "org.chainkeeper1.Error.Failed: the answer has 41943042 bytes");
    const auto client = DaemonClient::find();
    REQUIRE(client);
    const auto history = client->history(1000);
    REQUIRE(history);
    CHECK(history->size() == 8);
    CHECK(history->back() == "torn ???");
}

TEST_CASE("bus: properties are those of the last change, and only what has changed is told")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    BusDaemon server;
    CHECK(property("State") == "s \"unknown\"\n");
    CHECK(property("LastRepair") == "(tss) 0 \"\" \"\"\n");
    CHECK(property("Hold") == "(tsbs) 0 \"\" false \"\"\n");
    Listener listener;
    const auto change = [&](const Status& status) {
        server.on_loop([&] {
            server.status = status;
            server.object().emit_properties_changed();
        });
    };
    auto status = healthy_status();
    change(status);
    change(status);
    status.hold = Hold{.set_at = {}, .until = WallTime{7s}, .reason = "CHG", .stop = true, .login = "alice"};
    change(status);
    const auto heard = listener.await(2);
    CHECK(heard == std::vector<std::string>{"PropertiesChanged State Decision Backend Mode KubeletMonitor",
                                            "PropertiesChanged Hold"});
    CHECK(property("State") == "s \"healthy\"\n");
    CHECK(property("Decision") == "a{ss} 1 \"ipv4\" \"healthy\"\n");
    CHECK(property("KubeletMonitor") == "a{ss} 1 \"ipv4\" \"alive\"\n");
    CHECK(property("Hold") == "(tsbs) 7000000 \"CHG\" true \"alice\"\n");
    CHECK(property("NetworkNamespace").starts_with("s \"net:["));
}

TEST_CASE("bus: reports are signals, whatever a program calls itself")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    BusDaemon server;
    Listener listener;
    server.on_loop([&] {
        BusReports reports{server.object()};
        Burst burst{.first = {}, .last = {}, .worst = std::nullopt, .losses = {}, .gaps = {}};
        reports.report(Settled{.at = {}, .burst = burst});
        burst.add({.id = 1,
                   .culprit = {.pid = 4711, .comm = "\xff\x1bnft", .unit = "evil.service"},
                   .at = {},
                   .losses = {.tables = 1, .chains = 2, .rules = 3},
                   .touched_guarded = true});
        reports.report(Settled{.at = {}, .burst = burst});
        repair::Plan plan{.family = repair::Family::ipv6, .steps = {repair::CreateTable{repair::Table::nat}}};
        reports.report(Decided{.at = {},
                               .diagnosis = {.family = repair::Family::ipv6},
                               .decision = {.row = policies::Row::assist, .action = policies::Action::repair},
                               .plan = plan});
        reports.report(Committed{.at = {}, .plan = plan, .outcome = {.kind = repair::Outcome::Kind::committed}});
        reports.report(Verified{.at = {}, .fulfilled = true, .after = {.family = repair::Family::ipv6}});
    });
    CHECK(listener.await(3) == std::vector<std::string>{"Flushed evil.service ??nft 4711 1 2 3 0",
                                                        "Decided ipv6 repair: assist",
                                                        "Repaired ipv6 repair: assist 1 1"});
}

TEST_CASE("bus: a name that another owns is a sentence of trouble, and is not taken over later")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    auto first = std::make_unique<BusDaemon>();
    BusDaemon second;
    await("the second said so", [&] { return !second.troubles().empty(); });
    CHECK(second.troubles().at(0).find("another program owns the name org.chainkeeper1") != std::string::npos);
    first.reset();
    CHECK_FALSE(DaemonClient::find());
    CHECK(second.calls().empty());
}

TEST_CASE("bus: detached is silent, and attached again it answers")
{
    const OpenFolder folder;
    const PrivateBus bus{folder.path()};
    BusDaemon server;
    server.on_loop([&] {
        server.object().detach();
        server.object().emit_properties_changed();
        server.object().emit_decided(repair::Family::ipv4, {});
    });
    check_error(send("Check"), "org.freedesktop.DBus.Error.Unknown");
    server.on_loop([&] {
        server.status = healthy_status();
        server.attach();
    });
    CHECK(send("Check").status == 0);
    CHECK(property("State") == "s \"healthy\"\n");
    CHECK(server.troubles().empty());
}

}  // namespace chainkeeper::tests
